-- Generators, producers and consumers, errors and closing across coroutines.
local function permutations(items, n)
  n = n or #items
  if n <= 1 then coroutine.yield(items) return end
  for i = 1, n do
    items[n], items[i] = items[i], items[n]
    permutations(items, n - 1)
    items[n], items[i] = items[i], items[n]
  end
end
local count, first, last = 0, nil, nil
for p in coroutine.wrap(function() permutations({ 1, 2, 3, 4, 5, 6 }) end) do
  count = count + 1
  last = table.concat(p)
  first = first or last
end
print("permutations", count, first, last)

local function primes()
  return coroutine.wrap(function()
    local composite = {}
    for n = 2, math.huge do
      if not composite[n] then
        coroutine.yield(n)
        composite[n * n] = { n }
      else
        for _, p in ipairs(composite[n]) do
          composite[n + p] = composite[n + p] or {}
          table.insert(composite[n + p], p)
        end
        composite[n] = nil
      end
    end
  end)
end
local next_prime, prime = primes(), nil
for _ = 1, 500 do prime = next_prime() end
print("the 500th prime", prime)

local echo = coroutine.create(function(...)
  local got = { ... }
  while true do got = { coroutine.yield(#got, table.unpack(got)) } end
end)
print(coroutine.resume(echo, "a", "b"))
print(coroutine.resume(echo))
print(coroutine.resume(echo, 1, nil, 3))
print(coroutine.status(echo), coroutine.close(echo), coroutine.status(echo))

local failing = coroutine.create(function() coroutine.yield(1); error({ code = 7 }) end)
print(coroutine.resume(failing))
local ok, e = coroutine.resume(failing)
print(ok, type(e), e.code, coroutine.status(failing))
print(coroutine.resume(failing))
print(pcall(coroutine.wrap(function() error("inside", 0) end)))

-- A round-robin scheduler of a thousand coroutines.
local ready, log = {}, 0
for i = 1, 1000 do
  ready[i] = coroutine.create(function() for step = 1, i % 7 do log = log + step; coroutine.yield() end end)
end
local switches = 0
while #ready > 0 do
  local still = {}
  for _, co in ipairs(ready) do
    assert(coroutine.resume(co))
    switches = switches + 1
    if coroutine.status(co) ~= "dead" then still[#still + 1] = co end
  end
  ready = still
end
print("scheduler", switches, log)
local co, main = coroutine.running()
print(type(co), main, coroutine.isyieldable())
