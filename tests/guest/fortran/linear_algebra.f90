! A module with a generic interface, a recursive procedure and an allocatable result.
module linear_algebra
  implicit none
  integer, parameter :: dp = selected_real_kind(15)

  type :: point
    real(dp) :: x = 0, y = 0
  end type point

  interface operator(+)
    module procedure add_points
  end interface

contains

  pure function add_points(a, b) result(c)
    type(point), intent(in) :: a, b
    type(point) :: c
    c = point(a%x + b%x, a%y + b%y)
  end function add_points

  ! Solves a x = b by elimination with row pivoting.
  function solve(a, b) result(x)
    real(dp), intent(in) :: a(:, :), b(:)
    real(dp), allocatable :: x(:), m(:, :), row(:)
    integer :: i, j, n, p
    n = size(b)
    allocate(m(n, n + 1))
    m(:, 1:n) = a
    m(:, n + 1) = b
    do i = 1, n
      p = i - 1 + maxloc(abs(m(i:n, i)), dim=1)
      row = m(i, :)
      m(i, :) = m(p, :)
      m(p, :) = row
      m(i, :) = m(i, :) / m(i, i)
      do j = 1, n
        if (j /= i) m(j, :) = m(j, :) - m(j, i) * m(i, :)
      end do
    end do
    x = m(:, n + 1)
  end function solve

  pure recursive function ackermann(m, n) result(a)
    integer, intent(in) :: m, n
    integer :: a
    if (m == 0) then
      a = n + 1
    else if (n == 0) then
      a = ackermann(m - 1, 1)
    else
      a = ackermann(m - 1, ackermann(m, n - 1))
    end if
  end function ackermann

end module linear_algebra
