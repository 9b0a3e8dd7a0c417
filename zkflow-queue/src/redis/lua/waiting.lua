-- ARGV: now, user or ''. Returns the number of the user's waiting jobs. Jobs with a round are counted by their order, one
-- priority after the other; those without one are read, at most as many as no lease has found due yet.
settle(present())
local count, from = 0, '-'
while true do
  local first = redis.call('ZRANGEBYLEX', turns, from, '+', 'LIMIT', 0, 1)[1]
  if not first then
    break
  end
  local priority = string.sub(first, 1, 8)
  local own = priority .. ARGV[2]
  count = count + redis.call('ZLEXCOUNT', turns, '[' .. own .. ' ', '(' .. own .. '!')
  -- Behind every user of this priority.
  from = '[' .. priority .. '\127'
end
for _, id in ipairs(redis.call('ZRANGE', later, 0, -1)) do
  if (listed(id).user or '') == ARGV[2] then
    count = count + 1
  end
end
return count
