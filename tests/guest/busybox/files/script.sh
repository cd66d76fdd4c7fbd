# Built-in commands only: an image is one process, so there is no fork.
echo "$GREETING, $# arguments: $1, $2"
i=0 sum=0
while [ $i -lt 100 ]; do i=$((i + 1)); sum=$((sum + i * i)); done
echo "sum of squares $sum"
cd folder && pwd >/dev/null && echo "changed the folder"
while read -r word; do case $word in q*) echo "found $word" ;; esac; done <words.txt
[ -f words.txt ] && [ ! -e absent ] && echo "files are there or not"
f() { local x=${1%.*}; echo "${x##*/} ${#1} ${1:+set} ${2:-default}"; }
f /a/b/c.txt
echo discarded >/dev/null && printf "%05d|%-5s|%x\n" 42 ab 255
trap 'echo at the end' EXIT
exit 3
