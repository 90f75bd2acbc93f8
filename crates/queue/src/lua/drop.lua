-- Forgets all that waits in a lane.
-- ARGV[2]: the endpoint. Answers the payloads of what waited, in order.
local endpoint = ARGV[2]
local lane = lane_prefix .. endpoint
local waited = run('ZRANGE', lane, 0, -1)
run('UNLINK', lane)
run('ZREM', ring, endpoint)
run('ZREM', capped, endpoint)
if #waited > 0 then run('SET', depth_key, text(max(0, tonumber(run('GET', depth_key) or 0) - #waited))) end
return waited
