# Minimax polynomials by Remez exchange, relative weights; coefficients rounded to float64 from low degree up, refitting the rest.
from mpmath import mp, mpf, matrix, lu_solve, cos, pi, log, exp, sin, expm1, log1p, atanh, sqrt, taylor
mp.prec = 400
def remez(f,w,n,a,b,fixed=()):
    m=len(fixed); N=n+1-m; K=3*N+8
    A=matrix(K,N); B=matrix(K,1)
    for k in range(K):
        x=(a+b)/2-(b-a)/2*cos(pi*(k+mpf(1)/2)/K); ww=w(x)
        for i in range(N): A[k,i]=ww*x**(m+i)
        B[k]=ww*(f(x)-sum(c*x**i for i,c in enumerate(fixed)))
    G=A.T*A; s=lu_solve(G*mpf(2)**300,A.T*B*mpf(2)**300)
    return [s[i] for i in range(N)]
def fit(name,f,w,n,a,b,fixed=()):
    fixed=[mpf(float(c)) for c in fixed]
    while len(fixed)<n+1:
        c=remez(f,w,n,a,b,fixed)
        fixed.append(mpf(float(c[0])))
    mx=0
    for k in range(501):
        x=(a+b)/2-(b-a)/2*cos(pi*(k+mpf(1)/2)/501)
        p=mpf(0)
        for q in reversed(fixed): p=p*x+q
        mx=max(mx,abs((p-f(x))*w(x)))
    print('//',name,'degree',n,'error 2^%.2f'%float(log(mx)/log(2)))
    for c in fixed: print('   ',float(c).hex())
h=log(mpf(2))/2*mpf(1.0001)
def ser(coef,x,n=40): return sum(coef(i)*x**i for i in range(n))
from mpmath import factorial
fe=lambda x: ser(lambda i:1/factorial(i+2),x,30)
import sys
for n in (9,10):
    fit('expm1: (e^r-1-r)/r^2, error times |r|',fe,lambda x:abs(x),n,-h,h,[0.5])
zmax=(( sqrt(mpf(2))-1)/(sqrt(mpf(2))+1))**2*mpf(1.0001)
# log: log1p(f)=2 atanh(s)=2s+s*R, R= 2(z/3+z^2/5+..) ; R/z as polynomial in z; error weight z
fl=lambda z: ser(lambda i: mpf(2)/(2*i+3),z,60)
for n in (6,7):
    fit('log: (2 atanh(s)/s-2)/z',fl,lambda z:z,n,mpf(0),zmax)
q=(pi/4)**2*mpf(1.0001)
fs=lambda z: ser(lambda i: (-1)**(i+1)/factorial(2*i+3),z,30)
fc=lambda z: ser(lambda i: (-1)**(i)/factorial(2*i+4),z,30)
for n in (5,6):
    fit('sin: (sin r/r-1)/z',fs,lambda z:z,n,mpf(0),q)
for n in (5,6):
    fit('cos: (cos r-1+z/2)/z^2',fc,lambda z:z*z,n,mpf(0),q)
