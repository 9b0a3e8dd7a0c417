-- ARGV: now, id, subject, user or '', '=' .. key or '', priority, delay, max_attempts.
-- Returns the id of the job, and 1 if it is a duplicate. A repeated call with the same id adds nothing.
local now = present()
settle(now)
local id, key = ARGV[2], nil
if ARGV[5] ~= '' then
  key = string.sub(ARGV[5], 2)
  local present_id = redis.call('HGET', keys, key)
  if present_id then
    return { present_id, present_id == id and 0 or 1 }
  end
end
if redis.call('HEXISTS', jobs, id) == 1 then
  return { id, 0 }
end
local job = {
  id = id,
  subject = ARGV[3],
  user = ARGV[4] ~= '' and ARGV[4] or nil,
  key = key,
  priority = tonumber(ARGV[6]),
  attempt = 0,
  max_attempts = tonumber(ARGV[8]),
  created = now,
  run_at = math.min(now + ARGV[7], 253402207200000),
  state = 'waiting',
}
redis.call('ZADD', later, text(job.run_at), id)
save(job)
if key then
  redis.call('HSET', keys, key, id)
end
wake()
return { id, 0 }
