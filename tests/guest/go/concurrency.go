package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A chain of goroutines, each of which filters what the one before lets through.
func channels() {
	numbers := make(chan int)
	go func(out chan<- int) {
		for i := 2; ; i++ {
			out <- i
		}
	}(numbers)
	prime := 0
	for i := 0; i < 300; i++ {
		prime = <-numbers
		next := make(chan int)
		go func(in <-chan int, out chan<- int, divisor int) {
			for n := range in {
				if n%divisor != 0 {
					out <- n
				}
			}
		}(numbers, next, prime)
		numbers = next
	}
	fmt.Println("prime number 300:", prime)

	const workers, jobs = 8, 20000
	work, results := make(chan int, 16), make(chan int, 16)
	var group sync.WaitGroup
	for i := 0; i < workers; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for job := range work {
				results <- job * job % 1000
			}
		}()
	}
	go func() {
		for i := 0; i < jobs; i++ {
			work <- i
		}
		close(work)
		group.Wait()
		close(results)
	}()
	sum := 0
	for result := range results {
		sum += result
	}
	fmt.Println("sum:", sum)
}

func locks() {
	var mutex sync.Mutex
	var readWrite sync.RWMutex
	var group sync.WaitGroup
	count, table := 0, map[int]int{}
	for i := 0; i < 16; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			for n := 0; n < 2000; n++ {
				mutex.Lock()
				count++
				mutex.Unlock()
				if n%16 == 0 {
					readWrite.Lock()
					table[i]++
					readWrite.Unlock()
				} else {
					readWrite.RLock()
					_ = table[i]
					readWrite.RUnlock()
				}
			}
		}(i)
	}
	group.Wait()
	total := 0
	for _, n := range table {
		total += n
	}
	fmt.Println("count:", count, "table:", total)

	ready := sync.NewCond(&mutex)
	turn := 0
	for i := 0; i < 4; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			for n := 0; n < 500; n++ {
				mutex.Lock()
				for turn%4 != i {
					ready.Wait()
				}
				turn++
				ready.Broadcast()
				mutex.Unlock()
			}
		}(i)
	}
	group.Wait()
	fmt.Println("turns:", turn)
}

func timers() {
	start := time.Now()
	// A machine that stands still for a moment may see several of them expire at once, in any order.
	type expiry struct{ timer, passed time.Duration }
	expired := make(chan expiry, 3)
	for i := 3; i >= 1; i-- {
		wanted := time.Duration(i) * 30 * time.Millisecond
		time.AfterFunc(wanted, func() { expired <- expiry{wanted, time.Since(start)} })
	}
	sum := time.Duration(0)
	early := 0
	for i := 0; i < 3; i++ {
		e := <-expired
		sum += e.timer
		if e.passed < e.timer {
			early++
		}
	}
	fmt.Println("expired:", sum, "too early:", early, "not too long:", time.Since(start) < 20*time.Second)

	ticker := time.NewTicker(2 * time.Millisecond)
	for i := 0; i < 10; i++ {
		<-ticker.C
	}
	ticker.Stop()
	limited, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	select {
	case <-limited.Done():
		fmt.Println("context:", limited.Err())
	case <-time.After(30 * time.Second):
		fmt.Println("context: too late")
	}
	stopped := time.AfterFunc(time.Hour, func() {})
	fmt.Println("stopped:", stopped.Stop())

	// Many sleep at once.
	var group sync.WaitGroup
	var woken int64
	for i := 0; i < 1000; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			time.Sleep(time.Duration(i%20) * time.Millisecond)
			atomic.AddInt64(&woken, 1)
		}(i)
	}
	group.Wait()
	fmt.Println("woken:", woken)
}

func systemThreads() {
	const count = 40
	var group, all sync.WaitGroup
	identities := make(chan int, count)
	all.Add(count)
	for i := 0; i < count; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			// Not unlocked: the thread ends with its goroutine.
			runtime.LockOSThread()
			mine := syscall.Gettid()
			all.Done()
			all.Wait()
			for n := 0; n < 50; n++ {
				runtime.Gosched()
				if syscall.Gettid() != mine {
					mine = -1
				}
			}
			identities <- mine
		}()
	}
	group.Wait()
	close(identities)
	different := map[int]bool{}
	for identity := range identities {
		different[identity] = true
	}
	fmt.Println("threads:", len(different), "moved:", different[-1])

	// Blocked in system calls, each on a thread of its own.
	var ends [2]int
	check(syscall.Pipe(ends[:]))
	for i := 0; i < count; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			buffer := []byte{0}
			for {
				n, err := syscall.Read(ends[0], buffer)
				if err != syscall.EINTR {
					if n != 1 {
						fmt.Println("read:", n, err)
					}
					return
				}
			}
		}()
	}
	time.Sleep(10 * time.Millisecond)
	n, err := syscall.Write(ends[1], make([]byte, count))
	group.Wait()
	fmt.Println("unblocked:", n, err)
}

// A loop without a call has no place to be asked to stop: a signal stops it.
func preemption() {
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	var stop, rounds int64
	done := make(chan bool)
	for i := 0; i < 3; i++ {
		go func() {
			for atomic.LoadInt64(&stop) == 0 {
				rounds++
			}
			done <- true
		}()
	}
	for i := 0; i < 5; i++ {
		time.Sleep(5 * time.Millisecond)
		// Stops all goroutines for a moment.
		var statistics runtime.MemStats
		runtime.ReadMemStats(&statistics)
	}
	atomic.StoreInt64(&stop, 1)
	for i := 0; i < 3; i++ {
		<-done
	}
	fmt.Println("stopped:", rounds > 0)

	// Registers survive it: sums of floating point numbers and integers while others want the processor.
	sums := make(chan string, 4)
	for i := 0; i < 4; i++ {
		go func() {
			a, b, c := 0.0, 1.0, uint64(1)
			for n := 1; n <= 10_000_000; n++ {
				a += b
				b = 2 - b
				c = c*6364136223846793005 + 1442695040888963407
			}
			sums <- fmt.Sprint(a, " ", b, " ", c)
		}()
	}
	different := map[string]bool{}
	for i := 0; i < 4; i++ {
		different[<-sums] = true
	}
	for sum := range different {
		fmt.Println("sum:", sum)
	}
}
