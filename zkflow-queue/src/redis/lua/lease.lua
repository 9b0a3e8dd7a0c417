-- ARGV: now, max, length, nonce, number of due jobs to look at, '=' and the user whose jobs are not taken (or ''), 1 if the
-- call may have been made before.
-- Returns the leased jobs, after the milliseconds until a job falls due ('' if none will, or with leased jobs).
local now, max, nonce = present(), tonumber(ARGV[2]), ARGV[4]
settle(now)

-- A repeated call gets the same jobs as the call whose answer was lost.
if ARGV[7] == '1' then
  local given = { '' }
  for _, id in ipairs(redis.call('ZRANGE', leased, 0, -1)) do
    local job = listed(id)
    if job.nonce == nonce then
      table.insert(given, redis.call('HGET', jobs, id))
    end
  end
  if #given > 1 then
    return given
  end
end

-- The last round in which a job of the same user and priority waits.
local function last_round(job)
  local first, last = '[' .. user(job) .. ' ', '(' .. user(job) .. '!'
  local found = redis.call('ZREVRANGEBYLEX', turns, last, first, 'LIMIT', 0, 1)[1]
  return found and tonumber(string.sub(found, #found - 49, #found - 36), 16) or 0
end

local function handed_out(job)
  return tonumber(redis.call('HGET', rounds, job.priority) or 0)
end

-- Jobs that fell due get their rounds, in the order of run_at and id. The limit bounds the time of one script.
local fallen = redis.call('ZRANGEBYSCORE', later, '-inf', text(now), 'LIMIT', 0, 1000)
for _, id in ipairs(fallen) do
  local job = listed(id)
  leave(job)
  job.round = math.max(last_round(job), handed_out(job)) + 1
  redis.call('ZADD', due, text(job.run_at), id)
  redis.call('ZADD', ready, 0, place(job))
  redis.call('ZADD', turns, 0, turn(job))
  save(job)
end

local looked_at = redis.call('ZRANGE', ready, 0, ARGV[5] - 1)
if #looked_at == 0 then
  local next
  for _, set in ipairs({ later, leased }) do
    local at = tonumber(redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')[2])
    if at and (not next or at < next) then
      next = at
    end
  end
  return { next and text(next - now) or '' }
end

local ends = math.min(now + ARGV[3], 253402207200000)
local given = { '' }
for _, text_of_place in ipairs(looked_at) do
  local job = listed(string.sub(text_of_place, -36))
  if #given <= max and ARGV[6] ~= '=' .. (job.user or '') then
    leave(job)
    -- A lease that leaves out a user is out of turn.
    if ARGV[6] == '' then
      redis.call('HSET', rounds, job.priority, math.max(job.round, handed_out(job)))
    end
    job.state, job.attempt, job.ends, job.nonce, job.round = 'leased', job.attempt + 1, ends, nonce, nil
    redis.call('ZADD', leased, text(ends), job.id)
    table.insert(given, save(job))
  end
end
return given
