package main

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"unsafe"
)

type tree struct {
	left, right *tree
	value       int
}

func grow(depth, value int) *tree {
	if depth == 0 {
		return nil
	}
	return &tree{grow(depth-1, 2*value), grow(depth-1, 2*value+1), value}
}

func (t *tree) sum() int {
	if t == nil {
		return 0
	}
	return t.value + t.left.sum() + t.right.sum()
}

// Several goroutines make garbage while the collector runs beside them.
func collector() {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	kept := grow(15, 1)
	var group sync.WaitGroup
	sums := make([]int, 4)
	for i := range sums {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			words := map[string][]byte{}
			for n := 0; n < 60; n++ {
				sums[i] += grow(12, n).sum()
				name := fmt.Sprint("word ", n%17)
				words[name] = append(words[name], make([]byte, 10000)...)
			}
			for _, bytes := range words {
				sums[i] += len(bytes)
			}
		}(i)
	}
	group.Wait()
	runtime.GC()
	runtime.ReadMemStats(&after)
	fmt.Println("sums:", sums, "kept:", kept.sum())
	fmt.Println("collections:", after.NumGC > before.NumGC+2, "freed:", after.Frees > before.Frees)

	finalized := make(chan bool, 1)
	runtime.SetFinalizer(&tree{value: 1}, func(*tree) { finalized <- true })
	runtime.GC()
	fmt.Println("finalized:", <-finalized)
	large := make([]byte, 48<<20)
	for i := range large {
		large[i] = byte(i)
	}
	fmt.Printf("large: %08x\n", crc32.ChecksumIEEE(large))
	large = nil
	debug.FreeOSMemory()
}

func deep(n int) int {
	var frame [32]int
	frame[n%32] = n
	if n == 0 {
		return 0
	}
	return deep(n-1) + frame[n%32] - n + 1
}

func stacks() {
	results := make(chan int)
	for i := 1; i <= 4; i++ {
		go func(i int) { results <- deep(i * 10000) }(i)
	}
	fmt.Println("depth:", <-results+<-results+<-results+<-results)
}

type node struct {
	padding [1 << 12]byte
	value   int
}

func recovered(what string, wrong func()) {
	defer func() {
		reason := recover()
		var fault runtime.Error
		if err, ok := reason.(error); ok && errors.As(err, &fault) {
			text, _, _ := strings.Cut(fault.Error(), "0x")
			fmt.Printf("%s: %s\n", what, text)
		} else {
			fmt.Printf("%s: %v\n", what, reason)
		}
	}()
	wrong()
}

func faults() {
	var nothing *node
	var numbers []int
	var function func()
	zero := len(numbers)
	for i := 0; i < 3; i++ {
		recovered("nil", func() { nothing.padding[0] = 1 })
	}
	recovered("nil, further on", func() { fmt.Println(nothing.value) })
	recovered("nil function", func() { function() })
	recovered("division", func() { fmt.Println(1 / zero) })
	recovered("index", func() { fmt.Println(numbers[zero]) })
	recovered("conversion", func() { fmt.Println(any(zero).(string)) })
	recovered("lock", func() { panic(fmt.Errorf("of %d", 42)) })
	debug.SetPanicOnFault(true)
	page, err := syscall.Mmap(-1, 0, os.Getpagesize(), syscall.PROT_READ, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	check(err)
	recovered("read-only", func() { page[3] = 1 })
	check(syscall.Mprotect(page, syscall.PROT_READ|syscall.PROT_WRITE))
	page[3] = 1
	address := &page[3]
	check(syscall.Munmap(page))
	recovered("unmapped", func() { fmt.Println(*address) })
	debug.SetPanicOnFault(false)

	// In many goroutines at once.
	var group sync.WaitGroup
	caught := make(chan bool, 1000)
	for i := 0; i < 1000; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			defer func() { caught <- recover() != nil }()
			nothing.padding[1] = 1
		}()
	}
	group.Wait()
	close(caught)
	count := 0
	for c := range caught {
		if c {
			count++
		}
	}
	fmt.Println("caught:", count)
}

func mappings() {
	file, err := os.CreateTemp("", "mapping")
	check(err)
	defer os.Remove(file.Name())
	check(file.Truncate(3 * int64(os.Getpagesize())))
	bytes, err := syscall.Mmap(int(file.Fd()), 0, 3*os.Getpagesize(), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	check(err)
	copy(bytes[os.Getpagesize():], "mapped")
	text := make([]byte, 6)
	_, err = file.ReadAt(text, int64(os.Getpagesize()))
	fmt.Println(string(text), err, uintptr(unsafe.Pointer(&bytes[0]))%4096)
	check(syscall.Munmap(bytes))
	check(file.Close())
}
