-- Acknowledges finished jobs and takes others, one from each lane in turn.
-- ARGV from 2: the lease in ms, how many jobs are wanted, how many slots the caller has free, then the places in flight
-- of the finished jobs. Answers for each job taken: its place in flight, its payload; and then whether none waits.
local lease, want, free = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local time = run('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease_end = text(now + lease)
local kept = run('MGET', depth_key, sequence_key, ticket_key)
local depth, sequence = tonumber(kept[1] or 0), last_sequence(kept[2])
-- Never behind the time in microseconds, so that no ticket is given twice, even after the last one was lost or an older
-- copy of it came back.
local ticket = max(tonumber(kept[3] or 0), time[1] * 1000000 + time[2])
-- So that anybody can tell whether workers ask at all.
run('SET', turned_key, text(now), 'PX', '86400000')

-- Places are left by jobs that finished and by those that were lost, and by each once.
local left, left_count, endpoints, is_known = {}, 0, {}, {}
local lost = run('ZRANGEBYSCORE', leases, '-inf', text(now), 'LIMIT', '0', PIECE)
local function note_left(place)
    if is_known[place] then return end
    local endpoint = endpoint_of(place)
    left_count = left_count + 1
    left[left_count], is_known[place] = place, true
    if not is_known[endpoint] then
        endpoints[#endpoints + 1], is_known[endpoint] = endpoint, true
    end
end
for i = 5, #arguments do note_left(arguments[i]) end
for _, place in ipairs(lost) do note_left(place) end

-- What is kept by counting is put right once a minute, should anything of ours have been lost singly.
local is_due = run('SET', recount_key, '1', 'NX', 'PX', '60000')
local is_repaired = leave(left, endpoints, is_due)
if is_due then
    depth = 0
    for _, key in ipairs({ ring, capped }) do
        for _, endpoint in ipairs(run('ZRANGE', key, '0', '-1')) do
            depth = depth + run('ZCARD', lane_prefix .. endpoint)
        end
    end
end

-- Lets lanes that were held back into the ring again.
local uncapped = false
local function uncap(held)
    call('ZREM', capped, held)
    sequence = enter_ring(held, sequence)
    uncapped = uncapped or #held > 0
end
if run('EXISTS', capped) == 1 then
    uncap(present(capped, endpoints))
    uncap(run('ZRANGEBYSCORE', capped, '-inf', is_repaired and '+inf' or text(now), 'LIMIT', '0', PIECE))
end

local taken, places, held, answer = 0, {}, {}, {}
-- Takes a job of an endpoint, or holds its lane back. Answers whether the lane is to have another turn.
local function serve(endpoint, size)
    local payload = first_of(endpoint, size)
    if not payload then return false end
    if flying[endpoint] >= min(max(1, free - taken), (struct.unpack('>I4', payload, 21))) then
        -- By then all that is in flight now has left, even if nobody says so.
        held[#held + 1] = lease_end
        held[#held + 1] = endpoint
        return false
    end
    ticket, taken = ticket + 1, taken + 1
    local place = endpoint .. struct.pack('>I4I4', math.floor(ticket / 4294967296), ticket % 4294967296)
    change_flying(endpoint, 1)
    places[2 * taken - 1], places[2 * taken] = lease_end, place
    answer[2 * taken - 1], answer[2 * taken] = place, payload
    lanes[endpoint].done = lanes[endpoint].done + 1
    return first_of(endpoint, size) ~= nil
end

-- The lanes that come again, after those in the ring. Once that is empty they need not go through it.
local again, ring_is_empty = {}, false
while taken < want do
    local batch, later = {}, {}
    if not ring_is_empty then
        local count = min(want - taken, PIECE)
        local popped = run('ZPOPMIN', ring, text(count))
        for i = 1, #popped, 2 do batch[#batch + 1] = popped[i] end
        ring_is_empty = #batch < count
        look_up_flying(batch)
    end
    if ring_is_empty then
        for _, endpoint in ipairs(again) do batch[#batch + 1] = endpoint end
        again = {}
        if #batch == 0 then break end
    end
    -- What a lane gives if all give the same, and one more, which tells whether there is more.
    local size = min(math.ceil((want - taken) / #batch) + 1, PIECE)
    for _, endpoint in ipairs(batch) do
        if taken == want then
            again[#again + 1] = endpoint
        elseif serve(endpoint, size) then
            later[#later + 1] = endpoint
        end
    end
    for _, endpoint in ipairs(later) do again[#again + 1] = endpoint end
end

depth = depth - remove_done()
call('ZADD', leases, places)
write_flying()
call('ZADD', capped, held)
sequence = enter_ring(again, sequence)
if taken > 0 then run('SET', ticket_key, text(ticket), 'PX', lease) end
local drained = ring_is_empty and #again == 0
local none_waits = drained and run('EXISTS', capped) == 0
if none_waits then
    run('DEL', depth_key, sequence_key)
else
    run('MSET', depth_key, text(max(0, depth)), sequence_key, text(sequence))
end
if (uncapped and not drained) or #lost == PIECE then run('PUBLISH', ARGV[1] .. 'wake', '') end
answer[#answer + 1] = none_waits and '1' or '0'
return answer
