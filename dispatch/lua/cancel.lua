-- The order is called off. Its customer may do so only `before` working ('1').
-- KEYS: order
-- ARGV: order_id reason actor before
-- USES: emit match
-- Answers: ok | missing | wrong_status
local again = replayed()
if again then return again end
local o = load(order_id)
if not o then return {'missing', emitted, ''} end
local f = o.f
if TERMINAL[f.status] or (before == '1' and f.status == STATUS.working) then return {'wrong_status', emitted, f.status} end
local holder, from = HELD[f.status] and f.agent_id or '', f.status
set(o, OFF_DESK)
set(o, {status = STATUS.cancelled, due_at = '', reason = reason})
commit(o, 'cancelled', actor, {reason = reason, from = from})
free(holder)
return done('ok')
