return { name = "module", answer = function() return 42 end }
