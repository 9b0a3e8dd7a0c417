-- ARGV: now, id. Returns the job, or nil.
settle(present())
return redis.call('HGET', jobs, ARGV[2])
