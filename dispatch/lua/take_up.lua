-- A dispatcher has an order of the desk in hand, so that two do not do one. Taking up again goes on from now.
-- KEYS: order
-- ARGV: order_id dispatcher_id actor hold_ms
-- USES: emit
-- Answers: ok | missing | wrong_status | taken_up
local again = replayed()
if again then return again end
local o = load(order_id)
if not o then return {'missing', emitted, ''} end
if o.f.desk_at == '' then return {'wrong_status', emitted, o.f.status} end
if taken_by_another(o.f, dispatcher_id) then return {'taken_up', emitted, o.f.taken_by} end
set(o, {taken_by = dispatcher_id, taken_until = now + hold_ms})
commit(o, 'taken_up', actor, {dispatcher_id = dispatcher_id, until_at = now + hold_ms})
return done('ok')
