-- Reconciliation begins: the region is closed to all but the one who knows its private epoch. Called under whatever
-- epoch stands here, or '' for none: whoever comes second finds another one and is refused.
-- KEYS: n
-- ARGV: private
-- Answers: ok
redis.call('SET', key('epoch'), private)
return {'ok', emitted, ''}
