-- A dispatcher sends an escalated order out again from round 1, with rounds of his own (`plan`) or the policy's.
-- KEYS: order
-- ARGV: order_id dispatcher_id actor plan bonus_fen terms
-- USES: emit match
-- Answers: ok | missing | wrong_status | taken_up
local again = replayed()
if again then return again end
local o = load(order_id)
if not o then return {'missing', emitted, ''} end
if o.f.status ~= STATUS.escalated then return {'wrong_status', emitted, o.f.status} end
if taken_by_another(o.f, dispatcher_id) then return {'taken_up', emitted, o.f.taken_by} end
set(o, {plan = plan})
if bonus_fen ~= '' then set(o, {own_bonus_fen = bonus_fen}) end
start_round(o, cmsgpack.unpack(terms), true, 'reopened', actor, {})
return done('ok')
