-- What both scripts begin with. An endpoint is its id in hexadecimal, 32 characters; its lane is `lane:` and that.
-- KEYS: the ring (the lanes to serve, by their turn), the capped (the lanes that are held back, by when they are looked
-- at again at the latest), the depth (how many jobs wait), the sequence (the last number of the order of turns and of
-- jobs in lanes), the flying (how many each endpoint has in flight, and `all`), the leases (the places in flight, by when
-- their leases end; a place is its endpoint and its ticket), the ticket (the last one), the recount, the turned, the woken (lately, for lanes that are held back).
-- ARGV[1]: the prefix of all keys.
local ring, capped, depth_key, sequence_key, flying_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local leases, ticket_key, recount_key, turned_key, woken_key = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
-- What is local is found sooner than what is global.
local run, arguments, sub, min, max = redis.call, ARGV, string.sub, math.min, math.max
local lane_prefix = ARGV[1] .. 'lane:'
-- The most arguments of a call: Lua can unpack a few thousand.
local PIECE = 1000

-- A number as text. To make it takes as long as a call of Redis; so it is made once.
local texts = {}
local function text(number)
    local known = texts[number]
    if not known then
        known = string.format('%.0f', number)
        texts[number] = known
    end
    return known
end

local function in_pieces(list, act)
    for from = 1, #list, PIECE do
        act(unpack(list, from, min(from + PIECE - 1, #list)))
    end
end

-- Calls a command that takes a key and any number of arguments; answers the sum of what it answers.
local function call(command, key, list)
    local sum = 0
    in_pieces(list, function(...) sum = sum + run(command, key, ...) end)
    return sum
end

-- Those of the members that a sorted set has.
local function present(key, members)
    local found, at = {}, 0
    in_pieces(members, function(...)
        for _, score in ipairs(run('ZMSCORE', key, ...)) do
            at = at + 1
            if score then found[#found + 1] = members[at] end
        end
    end)
    return found
end

-- Should the last number of the order have been lost, nobody in the ring has to wait for all those who come later.
local function last_sequence(kept)
    return tonumber(kept or run('ZRANGE', ring, -1, -1, 'WITHSCORES')[2] or 0)
end

-- Puts lanes at the end of the ring, in order. Those with the same number are sorted by their names, so a new one is
-- needed only where that would be another order. Answers the last number.
local function enter_ring(endpoints, sequence)
    local entries, last = {}, nil
    for i, endpoint in ipairs(endpoints) do
        if not last or endpoint <= last then sequence = sequence + 1 end
        entries[2 * i - 1], entries[2 * i] = text(sequence), endpoint
        last = endpoint
    end
    in_pieces(entries, function(...) run('ZADD', ring, 'NX', ...) end)
    return sequence
end

