-- The present, as an agent is told it: open orders offered to him, orders he holds, and the log's `n` of this instant.
local function still_offered(agent_id, o)
  return o and o.f.status == STATUS.open and not has(o.f.declined, agent_id)
    and redis.call('HEXISTS', key('offers', o.id), agent_id) == 1
end

local function snapshot(agent_id, most)
  local offers, jobs, more = {}, {}, {}
  for _, order_id in ipairs(redis.call('ZREVRANGE', key('inbox', agent_id), 0, -1)) do
    local o = load(order_id)
    if not still_offered(agent_id, o) then redis.call('ZREM', key('inbox', agent_id), order_id)
    elseif #offers < most then offers[#offers + 1] = {o.id, o.f}
    else more.offers = true break end
  end
  for _, order_id in ipairs(redis.call('SMEMBERS', key('jobs', agent_id))) do
    local o = load(order_id)
    if o and #jobs < most then
      jobs[#jobs + 1] = {o.id, o.f}
      tell_last(o)
    elseif o then more.jobs = true end
  end
  return cmsgpack.pack({n = tonumber(redis.call('GET', key('n')) or '0'), at = now, offers = offers, jobs = jobs,
    more_offers = more.offers or false, more_jobs = more.jobs or false})
end
