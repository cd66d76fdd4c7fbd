// An unmodified Go program: what its runtime wants of a kernel. It prints the same in the virtual machine and on Linux.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

func arguments() {
	fmt.Printf("%d arguments: %q\n", len(os.Args)-1, os.Args[1:])
	value, set := os.LookupEnv("GO_TEST_VALUE")
	_, other := os.LookupEnv("GO_TEST_ABSENT")
	fmt.Printf("environment: %q %v %v\n", value, set, other)
	fmt.Printf("expanded: %s\n", os.ExpandEnv("<${GO_TEST_VALUE}>"))
	lines := 0
	for input := bufio.NewScanner(os.Stdin); input.Scan(); lines++ {
	}
	fmt.Printf("input: %d lines\n", lines)
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "panic" {
		var nothing map[string]int
		nothing["a"] = 1
	}
	parts := []struct {
		name string
		run  func()
	}{
		{"arguments", arguments},
		{"channels", channels},
		{"locks", locks},
		{"timers", timers},
		{"operating system threads", systemThreads},
		{"preemption", preemption},
		{"collector", collector},
		{"stacks", stacks},
		{"faults", faults},
		{"files", files},
		{"folders", folders},
		{"pipes", pipes},
		{"mappings", mappings},
		{"signals", signals},
	}
	for _, part := range parts {
		fmt.Println(strings.Repeat("-", 3), part.name)
		part.run()
	}
	defer fmt.Println("never printed")
	os.Exit(7)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
