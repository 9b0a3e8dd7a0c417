-- ARGV: now, before. Removes the dead letters that died before that moment; returns their number.
settle(present())
local letters = redis.call('ZRANGEBYSCORE', dead, '-inf', '(' .. ARGV[2])
for _, id in ipairs(letters) do
  redis.call('ZREM', dead, id)
  redis.call('HDEL', jobs, id)
end
return #letters
