-- Somebody listened to a voice note: an event, the first time that this party hears this note. An agent may who holds
-- the order, or has a live offer of it while candidates may listen (`listen` is 'before') and the note is for them;
-- agent_id '' is a dispatcher. When an agent first heard any note of the order, the desk sees among its candidates.
-- KEYS: order offers
-- ARGV: order_id note_id actor agent_id listen
-- USES: emit
-- Answers: ok | missing | no_note | not_offered | wrong_status
local again = replayed()
if again then return again end
local o = load(order_id)
if not o then return {'missing', emitted, ''} end
local f, note = o.f, nil
for _, each in ipairs(cjson.decode(f.voice_notes)) do
  if each.id == note_id then note = each end
end

local function is_his()
  if agent_id == '' or (HELD[f.status] and f.agent_id == agent_id) then return true end
  return note and note.shared and listen == 'before' and f.status == STATUS.open and not has(f.declined, agent_id)
    and redis.call('HEXISTS', offers_key, agent_id) == 1
end

if not is_his() then return {'not_offered', emitted, ''} end
if not note then return {'no_note', emitted, ''} end
if TERMINAL[f.status] then return {'wrong_status', emitted, f.status} end
local mark = 'h,' .. actor .. ',' .. note_id
-- What the desk sees of a candidate ends with his offer, and begins again with the next; the event stays one.
if agent_id ~= '' then redis.call('HSETNX', offers_key, 'h,' .. agent_id, int(now)) end
if redis.call('HSETNX', offers_key, mark, int(now)) == 0 then -- what was told the first time may have been lost on the way
  tell_last(o)
  return {'ok', emitted, ''}
end
commit(o, 'heard', actor, {note_id = note_id})
return done('ok')
