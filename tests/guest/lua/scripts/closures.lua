-- Closures, upvalues, metatables, varargs, integer and floating-point arithmetic.
local function counter(start)
  local n = start
  return function(step) n = n + (step or 1); return n end, function() return n end
end
local up, value = counter(10)
up(); up(5)
print("counter", value())

local functions = {}
for i = 1, 3 do functions[i] = function() return i * i end end
print("each loop has its own variable", functions[1](), functions[2](), functions[3]())

local Vector = {}
Vector.__index = Vector
Vector.__add = function(a, b) return setmetatable({ x = a.x + b.x, y = a.y + b.y }, Vector) end
Vector.__eq = function(a, b) return a.x == b.x and a.y == b.y end
Vector.__tostring = function(v) return "(" .. v.x .. ", " .. v.y .. ")" end
Vector.__call = function(v, k) return v.x * k, v.y * k end
Vector.__len = function() return 2 end
local a, b = setmetatable({ x = 1, y = 2 }, Vector), setmetatable({ x = 3, y = 4.5 }, Vector)
print("metatables", tostring(a + b), a == b, #a, a(10))

local function varargs(...) return select("#", ...), (select(2, ...)) end
print("varargs", varargs(nil, "two", nil))
print("host function", sum(1, 2, 3.5))
print("integers", 7 // 2, -7 // 2, 7 % -3, 1 << 62, math.maxinteger + 1 == math.mininteger, 0xff ~ 0x0f)
print("floats", 7 / 2, 2 ^ 0.5, math.pi, 1e300 * 1e10, -(0 / 0) ~= 0 / 0, math.floor(-3.5), 10 // 0.3)
print("conversion", "10" + 5, 10 .. "", math.tointeger(3.0), tonumber("0x1p4"), tonumber("zz", 36), 3 | 0)

local fib = {}
setmetatable(fib, { __index = function(t, n) local v = n < 3 and 1 or t[n - 1] + t[n - 2]; rawset(t, n, v); return v end })
print("memoized", fib[80])

do
  local log = {}
  do
    local first <close> = setmetatable({}, { __close = function() log[#log + 1] = "first" end })
    local second <close> = setmetatable({}, { __close = function() log[#log + 1] = "second" end })
  end
  print("closed", table.concat(log, ", "))
end

local weak = setmetatable({}, { __mode = "k" })
for _ = 1, 1000 do weak[{}] = true end
collectgarbage()
print("weak table is empty", next(weak) == nil)
local finalized = 0
for _ = 1, 50 do setmetatable({}, { __gc = function() finalized = finalized + 1 end }) end
collectgarbage(); collectgarbage()
print("finalized", finalized)
