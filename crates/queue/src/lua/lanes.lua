-- The first jobs of the lanes. They are read ahead and removed together: two calls for each lane, however many are taken.

-- For each lane that was looked into its first jobs, how many of them are done with, and whether it has no others.
local lanes = {}

-- The first job that waits in a lane. Reads at most `size` at a time, and few at first: what an endpoint at its cap leaves
-- behind was read in vain.
local function first_of(endpoint, size)
    local lane = lanes[endpoint] or { done = 0, is_whole = false }
    lanes[endpoint] = lane
    while true do
        local payload = lane[lane.done + 1]
        if not payload then
            if lane.is_whole then return end
            local known = #lane
            local count = min(size, 3 + 2 * known)
            local more = run('ZRANGE', lane_prefix .. endpoint, text(known), text(known + count - 1))
            for i, other in ipairs(more) do lane[known + i] = other end
            lane.is_whole = #more < count
        elseif #payload == 24 then
            return payload
        else
            -- What is no job, such as one of another version, would stop the lane, and with it all of them.
            lane.done = lane.done + 1
        end
    end
end

-- Removes what is done with. Answers how many jobs that were.
local function remove_done()
    local removed = 0
    for endpoint, lane in pairs(lanes) do
        if lane.done > 0 then
            removed = removed + run('ZREMRANGEBYRANK', lane_prefix .. endpoint, '0', text(lane.done - 1))
        end
    end
    return removed
end

