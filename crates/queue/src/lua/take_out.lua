-- Takes the first jobs out of a lane.
-- ARGV[2]: the endpoint. ARGV[3]: how many at most. ARGV[4]: 1 where only a lane that is held back is meant. Answers their
-- payloads, in order.
local endpoint, count = ARGV[2], tonumber(ARGV[3])
if count < 1 or (ARGV[4] == '1' and not run('ZSCORE', capped, endpoint)) then return {} end
local lane = lane_prefix .. endpoint
local taken = run('ZRANGE', lane, '0', text(count - 1))
if #taken > 0 then
    -- First what a full Redis refuses: so nothing is removed that is not answered.
    run('SET', depth_key, text(max(0, tonumber(run('GET', depth_key) or 0) - #taken)))
    run('ZREMRANGEBYRANK', lane, '0', text(#taken - 1))
end
if #taken < count or run('EXISTS', lane) == 0 then
    run('ZREM', ring, endpoint)
    run('ZREM', capped, endpoint)
end
return taken
