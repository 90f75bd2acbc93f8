-- Appends jobs to their lanes.
-- ARGV from 2: the most jobs in a lane, the most in all lanes, then for each endpoint: its id, how many jobs, their
-- payloads. Answers how many were added, whether all of them wait in lanes that are held back, then for each endpoint
-- how many of the last of its jobs found no room.
local lane_max, depth_max = tonumber(ARGV[2]), tonumber(ARGV[3])
local kept = run('MGET', depth_key, sequence_key)
local depth, sequence = tonumber(kept[1] or 0), last_sequence(kept[2])
local added, longest, waiting, answer = 0, 0, {}, { 0, 0 }

-- Adds jobs of one lane, which has room for all of them, and answers how many did not wait there already. Each lane
-- numbers its jobs from the same one on.
local function append(lane, before, from, to)
    if to > before + longest then longest = to - before end
    if from == to then return run('ZADD', lane, 'NX', text(sequence + from - before), arguments[from]) end
    local entries, count = {}, 0
    for i = from, to do
        entries[count + 1], entries[count + 2] = text(sequence + i - before), arguments[i]
        count = count + 2
    end
    return run('ZADD', lane, 'NX', unpack(entries))
end

local at = 4
while at < #arguments do
    local endpoint, before = arguments[at], at + 1
    local from, last = before + 1, before + arguments[at + 1]
    local lane = lane_prefix .. endpoint
    local length = run('ZCARD', lane)
    while from <= last do
        local size = min(last - from + 1, lane_max - length, depth_max - depth, PIECE / 2)
        if size <= 0 then break end
        local new = append(lane, before, from, from + size - 1)
        length, depth, added = length + new, depth + new, added + new
        from = from + size
    end
    answer[#answer + 1] = last - from + 1
    if length > 0 then waiting[#waiting + 1] = endpoint end
    at = last + 1
end
sequence = sequence + longest

if #waiting > 0 then
    if run('EXISTS', capped) == 1 then
        local is_held, free = {}, {}
        for _, endpoint in ipairs(present(capped, waiting)) do is_held[endpoint] = true end
        for _, endpoint in ipairs(waiting) do
            if not is_held[endpoint] then free[#free + 1] = endpoint end
        end
        waiting = free
    end
    -- Also lanes that were there before: so a place in the ring that was lost is found again.
    sequence = enter_ring(waiting, sequence)
end
if added > 0 then
    run('MSET', depth_key, text(depth), sequence_key, text(sequence))
    -- Lanes that are held back are served when a job of theirs is finished, which no wake hastens; it only says now and
    -- then that places which are kept for their endpoints are waited for.
    if #waiting > 0 or run('SET', woken_key, '1', 'NX', 'PX', '100') then run('PUBLISH', ARGV[1] .. 'wake', '') end
end
answer[1], answer[2] = added, #waiting > 0 and 0 or 1
return answer
