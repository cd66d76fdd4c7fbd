! Arrays, formatted, list-directed and unformatted input and output, internal files, arguments, exit status.
program fortran_test
  use, intrinsic :: iso_fortran_env, only: int64, iostat_end
  use linear_algebra
  implicit none
  character(len=128) :: argument, line
  integer :: n, status

  call get_command_argument(1, argument)
  read (argument, *) n
  call get_command_argument(2, argument)
  print '(a, i0, 3a)', 'arguments: ', command_argument_count(), ' [', trim(argument), ']'
  call arrays(n)
  call formats()
  call text_file()
  call stream_file()
  call get_environment_variable('NOT_THERE', line, status=status)
  print '(a, i0)', 'environment status ', status
  call exit(7)

contains

  subroutine arrays(n)
    integer, intent(in) :: n
    real(dp) :: a(n, n), b(n, n), c(n, n), x(n)
    integer :: i, j
    type(point) :: p
    do j = 1, n
      do i = 1, n
        a(i, j) = merge(real(n, dp), 1.0_dp / (i + j), i == j)
        b(i, j) = i - 0.5_dp * j
      end do
    end do
    c = matmul(a, b)
    print '(a, f14.6, a, f14.6)', 'matmul: trace ', sum([(c(i, i), i=1, n)]), ', largest ', maxval(c)
    x = solve(a, matmul(a, [(real(i, dp), i=1, n)]))
    print '(a, l1)', 'solve: right within 1e-9: ', all(abs(x - [(real(i, dp), i=1, n)]) < 1e-9_dp)
    print '(a, i0, a, 3f8.3)', 'count ', count(a > 0.1_dp), ', section ', a(2, 1:5:2)
    print '(a, 3i4, a, 2i3)', 'cshift ', cshift([1, 2, 3], 1), ', shape ', shape(reshape([1, 2, 3, 4, 5, 6], [2, 3]))
    p = point(1, 2) + point(0.5_dp, -3)
    print '(a, 2f6.2, a, i0)', 'point ', p, ', ackermann ', ackermann(2, 9)
    print '(a, 2f9.5)', 'complex ', exp((0.0_dp, 1.0_dp) * acos(-1.0_dp) / 3)
  end subroutine arrays

  subroutine formats()
    integer(int64), parameter :: big = 9007199254740993_int64
    print '(i8.5, z9.4, b10, o6)', 42, 48879, 5, 64
    print '(f10.3, es14.6, en14.3, g12.4, l3, a6, "|")', 3.14159, 12345.678, 12345.678, 0.001, .true., 'text'
    print '(i0, 1x, i0)', big, huge(1)
    write (line, '(3(i3, ","))') 1, 20, 300
    print '(2a)', 'internal file: ', trim(line)
    print *, 'list-directed', 1, 2.5, (1.0, -1.0), .false.
  end subroutine formats

  subroutine text_file()
    integer :: unit, i, io, total
    character(len=8) :: word
    open (newunit=unit, file='/tmp/fortran_test.txt', status='replace', action='readwrite', iostat=io)
    if (io /= 0) error stop 'cannot open a file in /tmp'
    do i = 1, 1000
      write (unit, '(a, i0, 1x, i0)') 'word', i, i * i
    end do
    rewind (unit)
    total = 0
    do
      read (unit, *, iostat=io) word, i
      if (io == iostat_end) exit
      if (io /= 0) error stop 'cannot read'
      total = total + mod(i, 1000)
    end do
    print '(2a, i0)', 'last word ', trim(word) // ', total ', total
    backspace (unit)
    backspace (unit)
    read (unit, '(a)') line
    print '(2a)', 'after backspace: ', trim(line)
    close (unit, status='delete')
    open (newunit=unit, file='/tmp/fortran_test.txt', status='old', iostat=io, iomsg=line)
    print '(l1, 2a)', io /= 0, ' ', trim(line)
  end subroutine text_file

  subroutine stream_file()
    integer :: unit, records(2), size
    real(dp) :: values(1000), back(1000)
    call random_number(values)
    open (newunit=unit, file='/tmp/fortran_test.bin', form='unformatted', access='stream', status='replace')
    write (unit) values
    read (unit, pos=1) back
    inquire (unit, size=size)
    print '(a, l1, a, i0)', 'stream file equal: ', maxval(abs(values - back)) <= 0 .and. maxval(values) > 0.5_dp, ', size ', size
    close (unit, status='delete')
    open (newunit=unit, file='/tmp/fortran_test.dat', form='unformatted', access='direct', recl=4, status='replace')
    write (unit, rec=4) 44
    write (unit, rec=2) 22
    read (unit, rec=4) records(1)
    read (unit, rec=2) records(2)
    print '(a, 2i3)', 'direct access: ', records
    close (unit, status='delete')
  end subroutine stream_file

end program fortran_test
