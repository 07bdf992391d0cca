-- A voice note is added to an order that has not ended; an agent may to what he holds. What is said while somebody
-- holds the order is not for candidates, neither now nor when it opens again: whoever adds can not know who will hear.
-- `unshared`, `shared`: the note as it stands in the state, JSON, for either case. The array is appended to as text,
-- for cjson writes an empty array and many a number otherwise than they were.
-- KEYS: order
-- ARGV: order_id unshared shared by actor agent_id most
-- USES: emit
-- Answers: ok | missing | wrong_status | not_holder | too_many
local again = replayed()
if again then return again end
local o = load(order_id)
if not o then return {'missing', emitted, ''} end
local f = o.f
local held = HELD[f.status] or false
if agent_id ~= '' and not (held and f.agent_id == agent_id) then return {'not_holder', emitted, ''} end
if TERMINAL[f.status] then return {'wrong_status', emitted, f.status} end
if #cjson.decode(f.voice_notes) >= tonumber(most) then return {'too_many', emitted, most} end
local note = held and unshared or shared
local said, others = cjson.decode(note), string.sub(f.voice_notes, 2, -2)
set(o, {voice_notes = '[' .. others .. (others == '' and '' or ',') .. note .. ']'})
commit(o, 'noted', actor, {note_id = said.id, seconds = said.seconds, by = by, shared = not held})
return done('ok')
