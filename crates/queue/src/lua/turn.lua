-- Acknowledges finished jobs and takes others, one from each lane in turn.
-- KEYS: the ring, the capped, the depth, the sequence, the recount. ARGV: the prefix of all keys, the lease in ms, how
-- many jobs are wanted, then for each finished job: its endpoint's id, its payload.
-- Answers for each job taken: its endpoint's id, its payload.
local ring, capped, depth_key, sequence_key, recount_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local prefix, lease, want = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local sequence = tonumber(redis.call('GET', sequence_key) or 0)
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

local function has_room(flight, cap)
    if redis.call('ZCARD', flight) < cap then return true end
    redis.call('ZREMRANGEBYSCORE', flight, '-inf', now)
    return redis.call('ZCARD', flight) < cap
end

for i = 4, #ARGV, 2 do
    redis.call('ZREM', prefix .. 'flight:' .. ARGV[i], ARGV[i + 1])
    uncap(ARGV[i])
end
-- The capped are sorted by the end of the first lease among their jobs in flight.
for _, endpoint in ipairs(redis.call('ZRANGEBYSCORE', capped, '-inf', now, 'LIMIT', 0, 1000)) do
    uncap(endpoint)
end

local taken, drained = {}, false
while #taken < 2 * want do
    local endpoint = redis.call('ZPOPMIN', ring)[1]
    if not endpoint then
        drained = true
        break
    end
    local lane, flight = prefix .. 'lane:' .. endpoint, prefix .. 'flight:' .. endpoint
    local payload = redis.call('ZRANGE', lane, 0, 0)[1]
    if payload then
        if has_room(flight, struct.unpack('>I4', payload, 21)) then
            redis.call('ZREM', lane, payload)
            redis.call('ZADD', flight, now + lease, payload)
            redis.call('PEXPIRE', flight, lease)
            taken[#taken + 1] = endpoint
            taken[#taken + 1] = payload
            if redis.call('EXISTS', lane) == 1 then enter_ring(endpoint) end
        else
            redis.call('ZADD', capped, redis.call('ZRANGE', flight, 0, 0, 'WITHSCORES')[2], endpoint)
        end
    end
end

if drained and redis.call('EXISTS', capped) == 0 then
    redis.call('DEL', depth_key, sequence_key)
    return taken
end
redis.call('SET', sequence_key, sequence)
if #taken > 0 and redis.call('DECRBY', depth_key, #taken / 2) < 0 then
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
return taken
