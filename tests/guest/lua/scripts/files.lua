-- The io library: modes, buffering, seeking, lines, numbers, errors.
local name = os.tmpname()
local f = assert(io.open(name, "w"))
f:write("first line\n", 2, " ", 3.5, "\n", "third line without an end")
print("position", f:seek(), f:seek("set", 6), f:seek("end"))
f:close()
print("closed", io.type(f), pcall(f.write, f, "x"))

for line in io.lines(name) do io.write("[", line, "]") end
print()
f = assert(io.open(name))
print(f:read("l"), f:read("n", "n"), f:read("L"), f:read(5), f:read("a"), f:read("a"), f:read("l"), f:read(0))
f:close()
f = assert(io.open(name, "r+"))
f:seek("set", 6); f:write("LINE"); f:seek("set", 0)
print(f:read("l")); f:close()
f = assert(io.open(name, "a")); f:write("!\n"); f:close()
f = assert(io.open(name, "rb")); local all = f:read("a"); f:close()
print(#all, all:sub(-5))

f = assert(io.open(name, "wb"))
f:setvbuf("full", 1000)
local bytes = {}
for i = 0, 255 do bytes[#bytes + 1] = string.char(i) end
local block = table.concat(bytes)
for _ = 1, 400 do f:write(block) end
f:flush(); f:close()
f = assert(io.open(name, "rb"))
print("size", f:seek("end"))
f:seek("set", 51200 + 65)
print("middle", f:read(10))
f:close()
local n = 0
for chunk in io.lines(name, 4096) do n = n + #chunk end
print("by chunks", n)

local renamed = name .. ".renamed"
print("rename", os.rename(name, renamed), io.open(name) == nil)
print("no such file", select(3, io.open(name)), (select(2, io.open(name)):gsub(".*: ", "")))
print("remove", os.remove(renamed), (select(3, os.remove(renamed))))
print("a directory", (select(3, io.open("/tmp", "w"))), io.open("/tmp"):read(1) == nil)
f = io.tmpfile(); f:write("gone when closed"); f:seek("set"); print(f:read("a")); f:close()

io.output():write("standard output\n")
print("modules are found beside the script", require("module").answer(), package.loaded.module.name)
print(loadfile("absent.lua") == nil, dofile("module.lua").name)
