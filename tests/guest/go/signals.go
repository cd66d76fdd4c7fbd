package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func signals() {
	received := make(chan os.Signal, 4)
	signal.Notify(received, syscall.SIGUSR1, syscall.SIGTERM, syscall.SIGWINCH)
	for _, number := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGTERM, syscall.SIGWINCH} {
		check(syscall.Kill(syscall.Getpid(), number))
		fmt.Println("received:", <-received)
	}
	signal.Stop(received)
	signal.Ignore(syscall.SIGUSR2, syscall.SIGHUP)
	check(syscall.Kill(syscall.Getpid(), syscall.SIGHUP))
	fmt.Println("ignored:", signal.Ignored(syscall.SIGHUP), signal.Ignored(syscall.SIGTERM))

	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	self, err := os.FindProcess(os.Getpid())
	check(err)
	go func() { check(self.Signal(os.Interrupt)) }()
	select {
	case <-interrupted.Done():
		fmt.Println("context:", interrupted.Err())
	case <-time.After(30 * time.Second):
		fmt.Println("context: nothing came")
	}

	// Many in a row, while goroutines compute.
	signal.Notify(received, syscall.SIGUSR1)
	busy := make(chan bool)
	go func() {
		for {
			select {
			case <-busy:
				return
			default:
			}
		}
	}()
	for i := 0; i < 50; i++ {
		check(syscall.Kill(syscall.Getpid(), syscall.SIGUSR1))
		<-received
	}
	close(busy)
	fmt.Println("all received")
}
