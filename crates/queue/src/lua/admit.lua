-- Takes jobs that never waited, as far as there is room for them and for all that waits in their lanes.
-- ARGV from 2: the lease in ms, how many slots the caller has free, then for each job: its endpoint, its cap. Answers for
-- each the ticket of its place in flight, or nothing.
local lease, free = ARGV[2], tonumber(ARGV[3])
local time = run('TIME')
local lease_end = text(time[1] * 1000 + math.floor(time[2] / 1000) + lease)
-- As in a turn: no ticket is given twice.
local ticket = max(tonumber(run('GET', ticket_key) or 0), time[1] * 1000000 + time[2])

-- How many wait for each; a lane that is held back has no room for any.
local endpoints, waiting = {}, {}
for at = 4, #arguments, 2 do
    local endpoint = arguments[at]
    if not waiting[endpoint] then
        endpoints[#endpoints + 1], waiting[endpoint] = endpoint, 0
    end
end
-- A lane with jobs is either in the ring or held back.
if run('EXISTS', ring) == 1 then
    for _, endpoint in ipairs(present(ring, endpoints)) do waiting[endpoint] = run('ZCARD', lane_prefix .. endpoint) end
end
if run('EXISTS', capped) == 1 then
    for _, endpoint in ipairs(present(capped, endpoints)) do waiting[endpoint] = math.huge end
end
look_up_flying({ 'all' })
look_up_flying(endpoints)

local taken, places, answer = 0, {}, {}
for at = 4, #arguments, 2 do
    local endpoint, cap = arguments[at], tonumber(arguments[at + 1])
    local is_let_in = taken < free and flying[endpoint] + waiting[endpoint] < min(free - taken, cap)
    if is_let_in then
        ticket, taken = ticket + 1, taken + 1
        local number = struct.pack('>I4I4', math.floor(ticket / 4294967296), ticket % 4294967296)
        change_flying(endpoint, 1)
        places[2 * taken - 1], places[2 * taken] = lease_end, endpoint .. number
        answer[#answer + 1] = number
    else
        answer[#answer + 1] = ''
    end
end
call('ZADD', leases, places)
write_flying()
if taken > 0 then run('SET', ticket_key, text(ticket), 'PX', lease) end
return answer
