-- Common to every script. The loader puts the parsed header in front of this: `region`, `epoch`, `request`
-- and the named KEYS and ARGV are locals already. Every key of a region shares its hash tag, so a script may
-- build names of that tag.
local function key(name, id)
  if id then return name .. ':{' .. region .. '}:' .. id end
  return name .. ':{' .. region .. '}'
end

-- A restored or emptied Redis has another epoch or none (''): refuse before anything is read or written.
if (redis.call('GET', key('epoch')) or '') ~= epoch then return {'unavailable'} end

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local MOST_UNPACKED = 1000 -- names, or pairs, in one call: Lua's stack ends at some 8,000 values

local emitted, entries = {}, {}
local function with_earlier() end -- `_emit` has another

local function int(number) return string.format('%.0f', number) end

local function has(list, item) return string.find(list, ',' .. item .. ',', 1, true) ~= nil end

-- The same asker hears the same answer: what took effect is kept under the request's id ('k' + id for a
-- day, for idempotency keys; 'd' + id for a minute, for our own repeats after a lost reply). Events that the log
-- let go of, or of an older epoch, are left out: those stand in PostgreSQL. An answer from before `since` does not
-- count: what it says was undone when the region was put right.
local function replayed()
  if request == '' then return nil end
  local kept = redis.call('GET', key('req', request))
  if not kept then return nil end
  local answer = cmsgpack.unpack(kept)
  if tonumber(answer.epoch) < tonumber(redis.call('GET', key('since')) or '0') then return nil end
  for _, entry in ipairs(answer.epoch == epoch and answer.entries or {}) do
    local found = redis.call('XRANGE', key('log'), entry, entry)
    if found[1] then emitted[#emitted + 1] = found[1][2] end
  end
  return {answer.outcome, emitted, answer.extra}
end

local function done(outcome, extra)
  with_earlier()
  if request ~= '' then
    local kept_ms = string.sub(request, 1, 1) == 'k' and 86400000 or 60000
    local answer = {outcome = outcome, entries = entries, extra = extra or '', epoch = epoch}
    redis.call('SET', key('req', request), cmsgpack.pack(answer), 'PX', kept_ms)
  end
  return {outcome, emitted, extra or ''}
end
