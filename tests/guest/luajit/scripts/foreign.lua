-- Memory, structures and functions of the C world, called both ways.
local ffi = require("ffi")
ffi.cdef [[
typedef struct { double x, y; int32_t kind; } point;
typedef int (*compare)(const int*, const int*);
typedef void (*sort)(void*, size_t, size_t, compare);
]]
local count = 10000
local points = ffi.new("point[?]", count)
for i = 0, count - 1 do
  points[i].x, points[i].y, points[i].kind = i * 0.5, -i, i % 3
end
local sums = {[0] = 0, 0, 0}
for _ = 1, 20 do
  for i = 0, count - 1 do sums[points[i].kind] = sums[points[i].kind] + points[i].x + points[i].y end
end
print("sums", sums[0], sums[1], sums[2])

local numbers = ffi.new("int[?]", count)
local seed = 1ULL
for i = 0, count - 1 do
  seed = seed * 6364136223846793005ULL + 1442695040888963407ULL
  numbers[i] = tonumber(seed / 4294967296ULL % 100000ULL)
end
-- The function that C calls back is machine code made for it.
local calls = 0
local order = ffi.cast("compare", function(a, b)
  calls = calls + 1
  return a[0] - b[0]
end)
jit.off(true)
ffi.cast("sort", qsort)(numbers, count, ffi.sizeof("int"), order)
order:free()
local sorted = true
for i = 1, count - 1 do sorted = sorted and numbers[i - 1] <= numbers[i] end
print("sorted", sorted, "calls", calls > count)
print("seed", tostring(seed))
