-- An error that nobody catches: the host prints it with a traceback, and its exit status counts it.
local function inner() error("not caught") end
local function outer() inner() end
outer()
