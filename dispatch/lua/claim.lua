-- Grabs of one order, in order of arrival: at most one wins, each gets one answer.
-- Between a grab's arrival and this call the order may have been won, widened, escalated or cancelled; what
-- counts is what stands here. Time never fails a claim: only a transition does. The holder who asks again
-- (a lost reply) hears `won` again, with the event that says so.
-- KEYS: order
-- ARGV: order_id agents
-- USES: emit match
-- Answers: ok | missing, then per agent `outcome reason`
local o = load(order_id)
if not o then return {'missing', emitted, ''} end

local function win(agent_id, p)
  local card = redis.call('HMGET', key('agent', agent_id), 'name', 'phone')
  local fence = o.f.fence + 1
  set(o, {status = STATUS.assigned, agent_id = agent_id, agent_role = p.role, agent_name = card[1], agent_phone = card[2],
    by = 'grab', dispatcher_id = '', fence = fence, assigned_at = now, due_at = stall_due(o.f, STATUS.assigned), reason = ''})
  commit(o, 'assigned', p.role .. ':' .. agent_id, {agent_id = agent_id, fence = fence, by = 'grab', round = tonumber(o.f.round)})
  return 'won'
end

local function judge(agent_id, offered)
  local f = o.f
  if HELD[f.status] and f.agent_id == agent_id then
    if #emitted == 0 then tell_last(o) end
    return 'won'
  end
  if has(f.declined, agent_id) then return 'refused declined' end
  if offered and HELD[f.status] then return 'taken' end
  if offered and f.status ~= STATUS.open then return 'gone ' .. f.status end
  local p = profile(agent_id)
  if p and p.suspended then return 'refused suspended' end -- his offers were withdrawn
  if not p or not offered then return 'refused not_offered' end
  if not p.available then return 'refused paused' end
  if redis.call('SCARD', key('jobs', agent_id)) >= p.capacity then return 'refused at_capacity' end
  return win(agent_id, p)
end

local answers, grabbers = {}, cmsgpack.unpack(agents)
local offered = have_offers(o, grabbers)
for i, agent_id in ipairs(grabbers) do answers[i] = judge(agent_id, offered[i]) end
with_earlier()
return {'ok', emitted, cmsgpack.pack({answers = answers, state = o.f})}
