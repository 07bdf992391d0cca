-- A dispatcher settled an escalated order by phone.
-- KEYS: order
-- ARGV: order_id dispatcher_id actor outcome
-- USES: emit
-- Answers: ok | missing | wrong_status | taken_up
local again = replayed()
if again then return again end
local o = load(order_id)
if not o then return {'missing', emitted, ''} end
if o.f.status ~= STATUS.escalated then return {'wrong_status', emitted, o.f.status} end
if taken_by_another(o.f, dispatcher_id) then return {'taken_up', emitted, o.f.taken_by} end
set(o, OFF_DESK)
set(o, {status = STATUS.completed, due_at = '', reason = outcome})
commit(o, 'closed', actor, {outcome = outcome})
return done('ok')
