-- Tables, strings, closures, coroutines and errors inside compiled loops, while the collector runs.
local Account = {}
Account.__index = Account
function Account.new(n) return setmetatable({balance = n}, Account) end
function Account:deposit(n) self.balance = self.balance + n return self end

local total = 0
for i = 1, 300000 do total = total + Account.new(i):deposit(i % 7).balance end
print("total", total)

local words = {}
for i = 1, 50000 do words[#words + 1] = ("word" .. i % 1000):upper():sub(2, 6):rep(2) end
print("words", #table.concat(words, ","))

local function tree(depth) if depth == 0 then return {} end return {tree(depth - 1), tree(depth - 1)} end
local function count(t) if not t[1] then return 1 end return 1 + count(t[1]) + count(t[2]) end
local nodes = 0
for _ = 1, 20 do nodes = nodes + count(tree(12)) end
print("nodes", nodes)

local generator = coroutine.wrap(function() for i = 1, 100000 do coroutine.yield(i * i % 11) end end)
local sum = 0
for _ = 1, 100000 do sum = sum + generator() end
print("coroutine", sum)

local caught = 0
for i = 1, 20000 do
  local ok = pcall(function() if i % 3 == 0 then error({code = i}) end return i end)
  if not ok then caught = caught + 1 end
end
print("caught", caught)
local deep
deep = function(n) return 1 + deep(n + 1) end
print("overflow", (select(2, pcall(deep, 1))):match("stack overflow"))
collectgarbage()
print("kept", collectgarbage("count") < 50000)
