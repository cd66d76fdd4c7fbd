{ total[$3] += $2; count[$3]++; if ($2 > largest) { largest = $2; name = $1 } }
END {
  n = split("a b c", kinds, " ")
  for (i = 1; i <= n; i++) printf "%s: %d items, mean %.3f\n", kinds[i], count[kinds[i]], total[kinds[i]] / count[kinds[i]]
  print name, largest, length(name), substr(name, 5), toupper(name), NR * 2
}
