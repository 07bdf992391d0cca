-- The projector's cursor is told. Behind it ended orders get a time to live, and the log is cut, but keeps `keep_ms`.
-- KEYS: log
-- ARGV: ended ttl_ms cursor keep_ms
-- Answers: ok
for _, order_id in ipairs(cmsgpack.unpack(ended)) do
  if TERMINAL[redis.call('HGET', key('order', order_id), 'status') or ''] then
    redis.call('PEXPIRE', key('order', order_id), ttl_ms)
    redis.call('PEXPIRE', key('offers', order_id), ttl_ms)
  end
end
redis.call('SET', key('projected'), cursor)
local oldest = int(now - keep_ms)
local cursor_ms = string.match(cursor, '^(%d+)')
if tonumber(cursor_ms) < tonumber(oldest) then oldest = cursor_ms end
redis.call('XTRIM', log_key, 'MINID', '~', oldest)
return {'ok', emitted, ''}
