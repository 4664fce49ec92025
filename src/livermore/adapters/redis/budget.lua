-- The books of one host, which all processes on one address share.
--
-- The hash KEYS[1] holds what was spent, summed by the end of the slice of time in which it was granted
-- (`spent:{end}`), how far the pace has gone (`paced_to`), until when the exchange wants us away (`away_to`),
-- until when somebody waits for each purpose (`waits:{purpose}`), how often in a row a less urgent purpose was
-- passed over (`passed_over`), and since when these books are kept (`born`). Times are milliseconds of the
-- server's clock. ARGV[1] is what one process asks and tells; see `RedisBudget._ask`.

local SLICES = 64
local EVERY = 8
local ABSENCE = 2000 -- who waits asks again within this after its time, or has gone
local SOON = 20
local SELDOM = 3000 -- who waits shows up so often, lest others wait for one that has gone
local SAME = 100 -- a stay that ends so much later is the same one, told by way of a slow network

local books = KEYS[1]
local asked = cjson.decode(ARGV[1])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local slice = math.max(1, math.floor(asked.span / SLICES))
local interval = asked.span / asked.most

local function spent(last)
  return string.format('spent:%.0f', last)
end

if asked.returned > 0 then
  local there = tonumber(redis.call('HGET', books, spent(asked.returned_to)))
  if there and there >= asked.returned then
    redis.call('HINCRBY', books, spent(asked.returned_to), -asked.returned)
  end
end

local state, slices, used = {}, {}, 0
local fields = redis.call('HGETALL', books)
for index = 1, #fields, 2 do
  local name, value = fields[index], tonumber(fields[index + 1])
  local last = tonumber(string.match(name, '^spent:(%d+)$'))
  if not last then
    state[name] = value
  elseif last + asked.span <= now then
    redis.call('HDEL', books, name)
  else
    slices[#slices + 1] = { last = last, weight = value }
    used = used + value
  end
end
table.sort(slices, function(one, other) return one.last < other.last end)

local function set(name, value)
  state[name] = value
  redis.call('HSET', books, name, value)
end

local function count(weight)
  local last = (math.floor(now / slice) + 1) * slice
  if weight > 0 then
    redis.call('HINCRBY', books, spent(last), weight)
    slices[#slices + 1] = { last = last, weight = weight }
    used = used + weight
  end
  return last
end

-- Books that were lost are written again by each from its own memory.
if not state.born then
  set('born', now)
end
if asked.known ~= 0 and asked.known ~= state.born then
  count(asked.own)
else
  count(asked.untold)
end
count(asked.counted - used)

if asked.stay > 0 and now + asked.stay > (state.away_to or 0) + SAME then
  set('away_to', now + asked.stay)
  set('paced_to', math.max(state.paced_to or 0, state.away_to + (asked.burst - 1) * interval))
end
local away = math.max(0, (state.away_to or 0) - now)

local function until_room()
  local surplus = math.min(used, used + asked.weight - asked.most)
  for _, one in ipairs(slices) do
    if surplus <= 0 then
      return 0
    elseif surplus <= one.weight then
      return one.last + asked.span - now
    end
    surplus = surplus - one.weight
  end
  return 0
end

local function until_pace()
  local credit = asked.burst - math.min(asked.weight, asked.burst)
  return (state.paced_to or 0) - credit * interval - now
end

-- Return the milliseconds for which another purpose goes first, and whether a less urgent one waits meanwhile.
local function until_our_turn()
  local due = (state.passed_over or 0) >= EVERY - 1
  local wait, more_urgent, less_urgent = 0, false, false
  for purpose = 0, 2 do
    local left = (state['waits:' .. purpose] or 0) - now
    if left > 0 and purpose ~= asked.purpose then
      local urgent = purpose < asked.purpose
      more_urgent, less_urgent = more_urgent or urgent, less_urgent or not urgent
      if urgent ~= due then
        wait = math.max(wait, left - ABSENCE, SOON)
      end
    end
  end
  return wait, less_urgent and not more_urgent
end

local wait, granted, last = 0, 0, 0
if asked.weight > 0 then
  local turn, overtakes = until_our_turn()
  wait = math.min(SELDOM, math.ceil(math.max(0, away, until_room(), until_pace(), turn)))
  local waits = 'waits:' .. asked.purpose
  if wait > 0 then
    set(waits, now + wait + ABSENCE)
  else
    granted, last = 1, count(asked.weight)
    set('paced_to', math.max(state.paced_to or 0, now) + asked.weight * interval)
    set('passed_over', overtakes and (state.passed_over or 0) + 1 or 0)
    set(waits, asked.others and now + ABSENCE or 0)
  end
end
redis.call('PEXPIRE', books, math.ceil(math.max(60000, 2 * asked.span, away + asked.span)))
return { granted, wait, used, away, state.born, last }
