-- Appends jobs to their lanes.
-- KEYS: the ring, the capped, the depth, the sequence. ARGV: the prefix of all keys, the most jobs in a lane, the most
-- in all lanes, then for each endpoint: its id, how many jobs, their payloads.
-- Answers how many were added, then for each endpoint how many of the last of its jobs found no room.
local ring, capped, depth_key, sequence_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local prefix, lane_max, depth_max = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local depth = tonumber(redis.call('GET', depth_key) or 0)
local sequence = tonumber(redis.call('GET', sequence_key) or 0)
local added = 0
local answer = { 0 }

local at = 4
while at < #ARGV do
    local endpoint, count = ARGV[at], tonumber(ARGV[at + 1])
    local lane = prefix .. 'lane:' .. endpoint
    local length = redis.call('ZCARD', lane)
    local refused = 0
    for i = at + 2, at + 1 + count do
        if length >= lane_max or depth >= depth_max then
            refused = at + 2 + count - i
            break
        end
        sequence = sequence + 1
        if redis.call('ZADD', lane, 'NX', sequence, ARGV[i]) == 1 then
            length, depth, added = length + 1, depth + 1, added + 1
        end
    end
    -- Also for a lane that was there before: so a place in the ring that was lost is found again.
    if length > 0 and not redis.call('ZSCORE', capped, endpoint) then
        sequence = sequence + 1
        redis.call('ZADD', ring, 'NX', sequence, endpoint)
    end
    answer[#answer + 1] = refused
    at = at + 2 + count
end

if added > 0 then
    redis.call('SET', depth_key, depth)
    redis.call('SET', sequence_key, sequence)
    redis.call('PUBLISH', prefix .. 'wake', '')
end
answer[1] = added
return answer
