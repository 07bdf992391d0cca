-- Who is connected: sessions of the slot by id, those above `after`; of the `member` only, unless he is ''.
-- KEYS: connected session unsent
-- ARGV: member after stale_ms most
-- USES: sessions
-- Answers: ok and {sessions: [[id, meta, unsent_bytes]], last}; `last` is '' when there are no more
local function ids()
  if member == '' then return redis.call('ZRANGEBYLEX', connected_key, after, '+', 'LIMIT', 0, tonumber(most)) end
  local found = redis.call('ZRANGE', key('sessions', member), 0, -1) -- a handful
  table.sort(found)
  return found
end

local found, known = {}, ids()
for _, id in ipairs(known) do
  local meta = redis.call('HGET', session_key, id)
  if living(id, meta, stale_ms) then
    found[#found + 1] = {id, meta, tonumber(redis.call('HGET', unsent_key, id) or '0')}
  end
end
local more = member == '' and #known == tonumber(most)
return {'ok', emitted, cmsgpack.pack({sessions = found, last = more and known[#known] or ''})}
