-- Takes jobs that never waited, as far as their turn would come at once.
-- ARGV from 2: the lease in ms, how many slots the caller has free, then for each job: its endpoint, its cap. Answers for
-- each the ticket of its place in flight, or nothing.
local lease, free = ARGV[2], tonumber(ARGV[3])
local time = run('TIME')
local lease_end = text(time[1] * 1000 + math.floor(time[2] / 1000) + lease)
-- As in a turn: no ticket is given twice.
local ticket = max(tonumber(run('GET', ticket_key) or 0), time[1] * 1000000 + time[2])

local endpoints, has_lane = {}, {}
for at = 4, #arguments, 2 do
    local endpoint = arguments[at]
    if has_lane[endpoint] == nil then
        endpoints[#endpoints + 1], has_lane[endpoint] = endpoint, false
    end
end
-- A lane with jobs is either in the ring or held back.
for _, key in ipairs({ ring, capped }) do
    if run('EXISTS', key) == 1 then
        for _, endpoint in ipairs(present(key, endpoints)) do has_lane[endpoint] = true end
    end
end
look_up_flying({ 'all' })
look_up_flying(endpoints)

local taken, places, answer = 0, {}, {}
for at = 4, #arguments, 2 do
    local endpoint, cap = arguments[at], tonumber(arguments[at + 1])
    local is_let_in = taken < free and not has_lane[endpoint] and flying[endpoint] < min(free - taken, cap)
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
