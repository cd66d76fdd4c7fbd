package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

func files() {
	folder, err := os.MkdirTemp("", "files")
	check(err)
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "lines")
	file, err := os.Create(path)
	check(err)
	writer := bufio.NewWriter(file)
	for i := 0; i < 5000; i++ {
		fmt.Fprintf(writer, "line %d of the file\n", i)
	}
	check(writer.Flush())
	_, err = file.Seek(-9, io.SeekEnd)
	check(err)
	end, err := io.ReadAll(file)
	check(err)
	fmt.Printf("end: %q\n", end)
	check(file.Sync())
	check(file.Close())
	_, err = file.Write([]byte("x"))
	fmt.Println("closed:", errors.Is(err, os.ErrClosed))

	contents, err := os.ReadFile(path)
	check(err)
	fmt.Println("size:", len(contents), "lines:", strings.Count(string(contents), "\n"))
	information, err := os.Stat(path)
	check(err)
	fmt.Println(information.Name(), information.Size(), information.Mode().IsRegular(), information.IsDir())
	check(os.Chmod(path, 0o640))
	check(os.Chtimes(path, time.Unix(1, 0), time.Unix(1_000_000_000, 5000)))
	information, err = os.Stat(path)
	check(err)
	fmt.Println(information.Mode(), information.ModTime().UTC().Format(time.RFC3339Nano))
	check(os.Truncate(path, 10))
	check(os.Rename(path, path+".renamed"))
	_, err = os.ReadFile(path)
	fmt.Println("gone:", errors.Is(err, fs.ErrNotExist))
	check(os.Symlink("lines.renamed", path))
	contents, err = os.ReadFile(path)
	check(err)
	target, err := os.Readlink(path)
	fmt.Printf("%q through %s %v\n", contents, target, err)
	_, err = os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	fmt.Println("exists:", errors.Is(err, fs.ErrExist))

	// Many goroutines write to one file, each at its place.
	shared, err := os.Create(filepath.Join(folder, "shared"))
	check(err)
	var group sync.WaitGroup
	for i := 0; i < 64; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			_, err := shared.WriteAt([]byte(fmt.Sprintf("%03d\n", i)), int64(4*i))
			check(err)
		}(i)
	}
	group.Wait()
	contents, err = os.ReadFile(shared.Name())
	check(err)
	fmt.Println("shared:", len(contents), string(contents[4*41:4*41+3]))
	copied, err := os.Create(filepath.Join(folder, "copied"))
	check(err)
	_, err = shared.Seek(0, io.SeekStart)
	check(err)
	n, err := io.Copy(copied, shared)
	fmt.Println("copied:", n, err)
}

func folders() {
	folder, err := os.MkdirTemp("", "folders")
	check(err)
	check(os.MkdirAll(filepath.Join(folder, "a", "b", "c"), 0o755))
	for i := 0; i < 200; i++ {
		check(os.WriteFile(filepath.Join(folder, "a", fmt.Sprintf("file%03d", i)), make([]byte, i), 0o644))
	}
	entries, err := os.ReadDir(filepath.Join(folder, "a"))
	check(err)
	fmt.Println("entries:", len(entries), entries[0].Name(), entries[1].Name(), entries[200].Name())
	total, count := int64(0), 0
	check(filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		check(err)
		count++
		if !entry.IsDir() {
			information, err := entry.Info()
			check(err)
			total += information.Size()
		}
		return nil
	}))
	fmt.Println("walked:", count, "bytes:", total)
	matches, err := filepath.Glob(filepath.Join(folder, "a", "file01?"))
	fmt.Println("matches:", len(matches), err)
	check(os.Chdir(filepath.Join(folder, "a", "b")))
	here, err := os.Getwd()
	check(err)
	fmt.Println("here:", strings.TrimPrefix(here, folder))
	_, err = os.ReadDir("nowhere")
	fmt.Println("error:", err)
	fmt.Println("not empty:", os.Remove("../b/../../a") != nil)
	check(os.Chdir("/"))
	check(os.RemoveAll(folder))
	_, err = os.Stat(folder)
	fmt.Println("removed:", errors.Is(err, fs.ErrNotExist))
}

// Goroutines that wait for pipes wait in the runtime, by epoll, not in a thread each.
func pipes() {
	const count, rounds = 50, 100
	var group sync.WaitGroup
	total := make(chan int, count)
	for i := 0; i < count; i++ {
		reader, writer, err := os.Pipe()
		check(err)
		group.Add(2)
		go func() {
			defer group.Done()
			sum := 0
			for input := bufio.NewScanner(reader); input.Scan(); {
				var n int
				fmt.Sscan(input.Text(), &n)
				sum += n
			}
			total <- sum
			check(reader.Close())
		}()
		go func() {
			defer group.Done()
			for n := 0; n < rounds; n++ {
				fmt.Fprintln(writer, n)
			}
			check(writer.Close())
		}()
	}
	group.Wait()
	close(total)
	sum := 0
	for n := range total {
		sum += n
	}
	fmt.Println("sum:", sum)

	reader, writer, err := os.Pipe()
	check(err)
	check(reader.SetReadDeadline(time.Now().Add(10 * time.Millisecond)))
	_, err = reader.Read(make([]byte, 1))
	fmt.Println("deadline:", errors.Is(err, os.ErrDeadlineExceeded))
	check(reader.SetReadDeadline(time.Time{}))
	closed := make(chan error)
	go func() {
		_, err := reader.Read(make([]byte, 1))
		closed <- err
	}()
	time.Sleep(5 * time.Millisecond)
	check(reader.Close())
	fmt.Println("closed:", errors.Is(<-closed, os.ErrClosed))
	_, err = writer.Write([]byte("x"))
	fmt.Println("broken:", err)
}
