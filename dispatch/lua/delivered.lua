-- What hubs gathered in a second: offers that reached a socket (`d`) or an eye (`s`). No event: neither changes the order.
-- KEYS: n
-- ARGV: marks
-- Answers: ok
for _, mark in ipairs(cmsgpack.unpack(marks)) do
  local order_id, agent_id, what = mark[1], mark[2], mark[3]
  if redis.call('HEXISTS', key('offers', order_id), agent_id) == 1 then
    redis.call('HSETNX', key('offers', order_id), what .. ',' .. agent_id, int(now))
  end
end
return {'ok', emitted, ''}
