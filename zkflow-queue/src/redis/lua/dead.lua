-- ARGV: now, limit. Returns at most `limit` dead letters, newest first.
settle(present())
local letters = {}
for _, id in ipairs(redis.call('ZREVRANGE', dead, 0, ARGV[2] - 1)) do
  listed(id)
  table.insert(letters, redis.call('HGET', jobs, id))
end
return letters
