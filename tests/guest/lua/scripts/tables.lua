-- table.sort and the other table functions, at a few thousand elements.
local state = 42
local function random(n) state = (state * 1103515245 + 12345) & 0x7fffffff; return state % n end

local numbers = {}
for i = 1, 5000 do numbers[i] = random(100000) end
table.sort(numbers)
local sorted = true
for i = 2, #numbers do sorted = sorted and numbers[i - 1] <= numbers[i] end
print("sorted", sorted, numbers[1], numbers[2500], numbers[5000])
table.sort(numbers, function(a, b) return a % 100 < b % 100 end)
sorted = true
for i = 2, #numbers do sorted = sorted and numbers[i - 1] % 100 <= numbers[i] % 100 end
print("sorted by the last two digits", sorted)
local words = {}
for w in ("the quick brown fox jumps over the lazy dog"):gmatch("%a+") do words[#words + 1] = w end
table.sort(words, function(a, b) return #a > #b or (#a == #b and a < b) end)
print(table.concat(words, " "))
print("a bad order", (select(2, pcall(table.sort, { 3, 1, "x" }))))

local t = { 1, 2, 3 }
table.insert(t, 4); table.insert(t, 1, 0); table.remove(t, 2)
print(table.concat(t, ","), #t, table.unpack(t, 2, 3))
print(table.concat(table.move({ 1, 2, 3 }, 1, 3, 3), ","), table.pack(nil, nil).n)

local counts = {}
for i = 1, 20000 do local k = "key" .. random(500); counts[k] = (counts[k] or 0) + 1 end
local keys, total = {}, 0
for k, n in pairs(counts) do keys[#keys + 1] = k; total = total + n end
print("distinct keys", #keys, total)
for k in pairs(counts) do counts[k] = nil end
print("emptied while traversed", next(counts) == nil)

local n = 24
local function matrix(f)
  local m = {}
  for i = 1, n do m[i] = {}; for j = 1, n do m[i][j] = f(i, j) end end
  return m
end
local a, b = matrix(function(i, j) return i + j end), matrix(function(i, j) return i - j / 2 end)
local c = matrix(function(i, j) local s = 0; for k = 1, n do s = s + a[i][k] * b[k][j] end; return s end)
print("matrix", c[1][1], c[n][n], c[5][7])

local queens = 0
local function place(row, columns, left, right)
  if row == 0 then queens = queens + 1 return end
  local free = 0x7f & ~(columns | left | right)
  while free ~= 0 do
    local bit = free & -free
    free = free ~ bit
    place(row - 1, columns | bit, (left | bit) << 1, (right | bit) >> 1)
  end
end
place(7, 0, 0, 0)
print("7 queens", queens)
