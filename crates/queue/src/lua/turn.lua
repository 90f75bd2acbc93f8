-- Acknowledges finished jobs and takes others, one from each lane in turn. An endpoint's jobs in flight are known by
-- tickets, so that a job which is taken twice has two places.
-- KEYS: the ring, the capped, the depth, the sequence, the recount. ARGV: the prefix of all keys, the lease in ms, how
-- many jobs are wanted, how many slots the caller has free, then for each finished job: its endpoint's id, its ticket.
-- Answers for each job taken: its endpoint's id, its payload, its ticket.
local ring, capped, depth_key, sequence_key, recount_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local prefix, lease, want, free = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- Never behind the time in microseconds, so that no ticket is given twice, even after the sequence was lost or an older
-- copy of it came back.
local sequence = math.max(tonumber(redis.call('GET', sequence_key) or 0), time[1] * 1000000 + time[2])
local uncapped = false
-- So that anybody can tell whether workers ask at all.
redis.call('SET', prefix .. 'turned', now, 'PX', 86400000)

local function enter_ring(endpoint)
    sequence = sequence + 1
    redis.call('ZADD', ring, 'NX', sequence, endpoint)
end

local function uncap(endpoint)
    if redis.call('ZREM', capped, endpoint) == 1 then
        enter_ring(endpoint)
        uncapped = true
    end
end

local function has_room(flight, max)
    if redis.call('ZCARD', flight) < max then return true end
    redis.call('ZREMRANGEBYSCORE', flight, '-inf', now)
    return redis.call('ZCARD', flight) < max
end

for i = 5, #ARGV, 2 do
    redis.call('ZREM', prefix .. 'flight:' .. ARGV[i], ARGV[i + 1])
    uncap(ARGV[i])
end
-- The capped are sorted by the end of the first lease among their jobs in flight.
for _, endpoint in ipairs(redis.call('ZRANGEBYSCORE', capped, '-inf', now, 'LIMIT', 0, 1000)) do
    uncap(endpoint)
end

local taken, answer, drained = 0, {}, false
while taken < want do
    local endpoint = redis.call('ZPOPMIN', ring)[1]
    if not endpoint then
        drained = true
        break
    end
    local lane, flight = prefix .. 'lane:' .. endpoint, prefix .. 'flight:' .. endpoint
    local payload = redis.call('ZRANGE', lane, 0, 0)[1]
    -- What is no job, such as one of another version, would stop the lane, and with it all of them.
    while payload and #payload ~= 24 do
        redis.call('ZREM', lane, payload)
        redis.call('DECR', depth_key)
        payload = redis.call('ZRANGE', lane, 0, 0)[1]
    end
    if payload then
        local share = math.max(1, free - taken)
        if has_room(flight, math.min(share, (struct.unpack('>I4', payload, 21)))) then
            sequence = sequence + 1
            local ticket = string.format('%.0f', sequence)
            redis.call('ZREM', lane, payload)
            redis.call('ZADD', flight, now + lease, ticket)
            redis.call('PEXPIRE', flight, lease)
            taken = taken + 1
            answer[#answer + 1] = endpoint
            answer[#answer + 1] = payload
            answer[#answer + 1] = ticket
            if redis.call('EXISTS', lane) == 1 then enter_ring(endpoint) end
        else
            redis.call('ZADD', capped, redis.call('ZRANGE', flight, 0, 0, 'WITHSCORES')[2], endpoint)
        end
    end
end

if drained and redis.call('EXISTS', capped) == 0 then
    redis.call('DEL', depth_key, sequence_key)
    return answer
end
redis.call('SET', sequence_key, sequence)
if taken > 0 and redis.call('DECRBY', depth_key, taken) < 0 then
    redis.call('DEL', depth_key)
end
-- The depth is kept by counting; should anything of ours have been lost singly, it is put right once a minute.
if redis.call('SET', recount_key, 1, 'NX', 'PX', 60000) then
    local depth = 0
    for _, key in ipairs({ ring, capped }) do
        for _, endpoint in ipairs(redis.call('ZRANGE', key, 0, -1)) do
            depth = depth + redis.call('ZCARD', prefix .. 'lane:' .. endpoint)
        end
    end
    redis.call('SET', depth_key, depth)
end
if uncapped and not drained then
    redis.call('PUBLISH', prefix .. 'wake', '')
end
return answer
