! A Fortran program: matrix multiplication, formatted output, a file written and read again.
program fortran_example
  use, intrinsic :: iso_fortran_env, only: real64, iostat_end
  implicit none
  integer, parameter :: n = 100
  real(real64) :: a(n, n), b(n, n), c(n, n)
  character(len=*), parameter :: path = '/tmp/fortran-example.txt'
  character(len=32) :: name
  integer :: i, j, unit, status, lines
  real(real64) :: value, total

  do j = 1, n
    do i = 1, n
      a(i, j) = sin(real(i + j, real64))
      b(i, j) = merge(1.0_real64, 0.5_real64, i == j)
    end do
  end do
  c = matmul(a, b)
  print '(a, i0, a, f12.6, a, f12.6)', 'matmul ', n, ': sum ', sum(c), ', trace ', sum([(c(i, i), i=1, n)])
  print '(a, 4(1x, f9.4))', 'corner', c(1:2, 1:2)

  open (newunit=unit, file=path, status='replace', action='write')
  do i = 1, n
    write (unit, '(a, i0, 1x, es22.15)') 'row', i, sum(c(i, :))
  end do
  close (unit)

  open (newunit=unit, file=path, status='old', action='read')
  lines = 0
  total = 0
  do
    read (unit, *, iostat=status) name, value
    if (status == iostat_end) exit
    if (status /= 0) error stop 'cannot read the file'
    lines = lines + 1
    total = total + value
  end do
  close (unit, status='delete')
  print '(a, i0, a, f12.6, 3a)', 'read ', lines, ' lines, sum ', total, ', last "', trim(name), '"'
  print '(a, l1)', 'as written: ', abs(total - sum(c)) < 1.0e-9_real64 * abs(total)
end program fortran_example
