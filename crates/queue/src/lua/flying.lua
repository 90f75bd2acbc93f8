-- The places in flight. How many each endpoint has is counted beside the leases; whatever was lost of either, or is told
-- twice, shows in the sum, and the counts are made anew from the leases.

-- How many each endpoint has in flight, as far as it was looked up, and as it stands in Redis.
local flying, written = {}, {}

local function look_up_flying(endpoints)
    local unknown, at = {}, 0
    for _, endpoint in ipairs(endpoints) do
        if not flying[endpoint] then unknown[#unknown + 1] = endpoint end
    end
    in_pieces(unknown, function(...)
        for _, count in ipairs(run('HMGET', flying_key, ...)) do
            at = at + 1
            flying[unknown[at]] = tonumber(count or 0)
            written[unknown[at]] = flying[unknown[at]]
        end
    end)
end

local function change_flying(endpoint, by)
    flying[endpoint], flying.all = flying[endpoint] + by, flying.all + by
end

local function write_flying()
    local counts, gone = {}, {}
    for endpoint, count in pairs(flying) do
        if count ~= (written[endpoint] or 0) then
            if count > 0 then
                counts[#counts + 1] = endpoint
                -- The sum is written at a length at which Redis keeps a hash as a hash table; a list of some hundred
                -- fields, as it does otherwise, it searches from one end to the other.
                counts[#counts + 1] = endpoint == 'all' and string.format('%080.0f', count) or text(count)
            else
                gone[#gone + 1] = endpoint
            end
        end
    end
    call('HSET', flying_key, counts)
    call('HDEL', flying_key, gone)
end

local function endpoint_of(place) return sub(place, 1, 32) end

-- Takes places of these endpoints off. Answers whether the counts were made anew, because of their sum or as it `is_due`.
local function leave(places, endpoints, is_due)
    call('ZREM', leases, places)
    look_up_flying({ 'all' })
    local in_flight = run('ZCARD', leases)
    if not is_due and in_flight + #places == flying.all then
        look_up_flying(endpoints)
        for _, place in ipairs(places) do change_flying(endpoint_of(place), -1) end
        return false
    end
    run('DEL', flying_key)
    flying, written = { all = in_flight }, {}
    for _, endpoint in ipairs(endpoints) do flying[endpoint] = 0 end
    for _, place in ipairs(run('ZRANGE', leases, 0, -1)) do
        local endpoint = endpoint_of(place)
        flying[endpoint] = (flying[endpoint] or 0) + 1
    end
    return true
end

