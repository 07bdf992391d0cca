-- A socket is gone. The agent stays reachable for a while after his last session: `vanish` ends that.
-- KEYS: sessions seen
-- ARGV: agent_id session_id
-- Answers: ok
redis.call('HDEL', key('session'), session_id)
if redis.call('ZREM', sessions_key, session_id) == 1 and redis.call('ZCARD', sessions_key) == 0 then
  redis.call('ZADD', seen_key, 'XX', now, agent_id)
end
return {'ok', emitted, ''}
