-- Reconciliation is done: the region opens under its new epoch, and `n` goes on above whatever anybody saw. Refused
-- when another reconciliation has begun meanwhile: then the private epoch that this one ran under is gone.
-- KEYS: n
-- ARGV: number new_epoch
-- Answers: ok
redis.call('SET', n_key, number)
redis.call('SET', key('epoch'), new_epoch)
return {'ok', emitted, ''}
