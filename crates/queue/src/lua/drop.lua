-- Forgets all that waits in a lane.
-- ARGV[2]: the endpoint.
local endpoint = ARGV[2]
local lane = lane_prefix .. endpoint
local length = run('ZCARD', lane)
run('UNLINK', lane)
run('ZREM', ring, endpoint)
run('ZREM', capped, endpoint)
if length > 0 then run('SET', depth_key, text(max(0, tonumber(run('GET', depth_key) or 0) - length))) end
return length
