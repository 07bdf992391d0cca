-- Nobody at the desk dealt with the order in time.
-- KEYS: order
-- ARGV: order_id due_at
-- USES: emit
-- Answers: ok | passed
local o = load(order_id)
if not o or o.f.status ~= STATUS.escalated or o.f.due_at ~= due_at then return {'passed', emitted, ''} end
set(o, OFF_DESK)
set(o, {status = STATUS.expired, due_at = ''})
commit(o, 'expired', 'engine:', {due_at = tonumber(due_at)})
return done('ok')
