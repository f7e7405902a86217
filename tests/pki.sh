#!/bin/sh
# tests/pki.sh DIR: every kind of certificate that signature tests need, made anew.
#
#   root.pem inter.pem (under root) foreign.pem (another root)   with .key; crls/{root,inter}.crl
#   leafs NAME.pem NAME.key, issued by inter unless said:
#     an (RSA, SAN an@) binh (P-256, SAN binh@) chi (E= in the subject) coquan (agency, no address)
#     expired revoked wrongeku noeku anyeku nosign critical rsa1024 k1 sha1cert la (under foreign)
#     deep (under a CA below inter: path length) kedo (under a CA with name constraints)
#     twin + ed.pem: one issuer and serial, but the second holds an Ed25519 key
# tests/pki.sh DIR more: then also, by inter,
#     p384 p521 psskey (a key for RSA-PSS alone) ski (with a key identifier) skiold skinew (the same
#     key and identifier; expired, and another serial)
set -eu
dir=$1
domain=tinh.example
mkdir -p "$dir/crls"
cd "$dir"

cat > cnf <<'CNF'
[ca]
default_ca = me
[me]
dir = .
database = $ENV::CA.index
serial = $ENV::CA.serial
crlnumber = $ENV::CA.crlnumber
new_certs_dir = .
certificate = $ENV::CA.pem
private_key = $ENV::CA.key
default_md = sha256
default_startdate = 20250101000000Z
default_enddate = 20490101000000Z
policy = any
unique_subject = no
utf8 = yes
[any]
countryName = optional
localityName = optional
organizationName = optional
organizationalUnitName = optional
commonName = supplied
emailAddress = optional
[req]
distinguished_name = dn
string_mask = utf8only
utf8 = yes
prompt = no
[dn]
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[inter]
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[names]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
nameConstraints = critical, permitted;email:other.example
[leaf]
basicConstraints = critical, CA:false
keyUsage = critical, $ENV::KU
authorityKeyIdentifier = keyid
extendedKeyUsage = $ENV::EKU
subjectAltName = $ENV::SAN
[ski]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
subjectKeyIdentifier = hash
extendedKeyUsage = emailProtection
subjectAltName = $ENV::SAN
[noeku]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature, nonRepudiation
subjectAltName = $ENV::SAN
[bare]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature, nonRepudiation
extendedKeyUsage = emailProtection
[critical]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
subjectAltName = $ENV::SAN
1.3.6.1.4.1.55555.1 = critical, ASN1:NULL
CNF

export OPENSSL_CONF=/dev/null KU=digitalSignature EKU=emailProtection SAN=email:x@$domain CA=root
quiet() {
	"$@" > log 2>&1 || { cat log >&2; exit 1; }
}
newkey() {	# newkey NAME ALG
	case $2 in
	rsa)	quiet openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$1.key" ;;
	psskey)	quiet openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out "$1.key" ;;
	rsa1024) quiet openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out "$1.key" ;;
	ed)	quiet openssl genpkey -algorithm ED25519 -out "$1.key" ;;
	*)	quiet openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:$2" -out "$1.key" ;;
	esac
}
books() {	# books NAME
	: > "$1.index"
	echo 1000 > "$1.serial"
	echo 01 > "$1.crlnumber"
}
newroot() {	# newroot NAME SUBJECT
	newkey "$1" rsa
	books "$1"
	CA=$1 quiet openssl req -new -key "$1.key" -config cnf -subj "$2" -out "$1.csr"
	CA=$1 quiet openssl ca -batch -config cnf -selfsign -keyfile "$1.key" -in "$1.csr" \
	    -extensions root -out "$1.pem" -notext
}
issue() {	# issue CA NAME ALG SUBJECT EXTENSIONS [openssl ca options]
	ca=$1 name=$2 alg=$3 subject=$4 ext=$5
	shift 5
	case $alg in
	key-of-*) cp "${alg#key-of-}.key" "$name.key" ;;
	*)	newkey "$name" "$alg" ;;
	esac
	CA=$ca quiet openssl req -new -key "$name.key" -config cnf -utf8 -subj "$subject" -out "$name.csr"
	CA=$ca quiet openssl ca -batch -config cnf -in "$name.csr" -extensions "$ext" \
	    -out "$name.pem" -notext -preserveDN "$@"
}
crl() {		# crl CA: from 2025 until 30 days from now
	CA=$1 quiet openssl ca -config cnf -gencrl -crl_lastupdate 20250101000000Z \
	    -crl_nextupdate "$(date -u -d '+30 days' +%Y%m%d%H%M%SZ)" -out "crls/$1.new"
	mv "crls/$1.new" "crls/$1.crl"
}
# "revoke CA NAME": for tests that revoke while a server runs.
if [ "${2-}" = revoke ]; then
	CA=$3 quiet openssl ca -config cnf -revoke "$4.pem"
	crl "$3"
	exit 0
fi
if [ "${2-}" = more ]; then
	E=/C=VN/O=UBND SAN=email:an@$domain
	issue inter p384 P-384 "$E/CN=Ba Tam Bon" leaf
	issue inter p521 P-521 "$E/CN=Nam Hai Mot" leaf
	issue inter psskey psskey "$E/CN=Khoa PSS" leaf
	issue inter ski P-256 "$E/CN=Dinh Danh Khoa" ski
	issue inter skiold key-of-ski "$E/CN=Dinh Danh Khoa" ski -enddate 20250601000000Z
	issue inter skinew key-of-ski "$E/CN=Dinh Danh Khoa" ski
	exit 0
fi

newroot root "/C=VN/O=Co yeu thu/CN=Goc thu"
newroot foreign "/C=XX/CN=Goc la"
issue root inter rsa "/C=VN/O=Co yeu thu/CN=CA co quan nha nuoc" inter
issue root names P-256 "/C=VN/CN=CA gioi han ten" names
books inter
books names
E=/C=VN/O=UBND

SAN=email:an@$domain issue inter an rsa "$E/CN=Nguyễn Văn An" leaf
SAN=email:binh@$domain issue inter binh P-256 "$E/CN=Tran Thi Binh" leaf
issue inter chi P-256 "$E/CN=Le Chi/emailAddress=chi@$domain" bare
issue inter coquan P-256 "/C=VN/L=Tỉnh/O=UBND TỈNH/CN=Văn phòng, số 1" bare
SAN=email:an@$domain issue inter expired P-256 "$E/CN=Het Han" leaf -enddate 20250601000000Z
SAN=email:an@$domain issue inter revoked P-256 "$E/CN=Thu Hoi" leaf
SAN=email:an@$domain EKU=serverAuth issue inter wrongeku P-256 "$E/CN=May Chu" leaf
SAN=email:an@$domain EKU=anyExtendedKeyUsage issue inter anyeku P-256 "$E/CN=Moi Viec" leaf
SAN=email:an@$domain issue inter noeku P-256 "$E/CN=Khong EKU" noeku
SAN=email:an@$domain KU=keyEncipherment issue inter nosign P-256 "$E/CN=Chi Ma Hoa" leaf
SAN=email:an@$domain issue inter critical P-256 "$E/CN=La" critical
SAN=email:an@$domain issue inter rsa1024 rsa1024 "$E/CN=Yeu" leaf
SAN=email:an@$domain issue inter k1 secp256k1 "$E/CN=Duong Cong La" leaf
SAN=email:an@$domain issue inter sha1cert P-256 "$E/CN=Bam Yeu" leaf -md sha1
SAN=email:an@$domain issue foreign la P-256 "/C=XX/CN=Nguoi La" leaf
issue inter below P-256 "/C=VN/CN=CA duoi" root
books below
SAN=email:an@$domain issue below deep P-256 "$E/CN=Sau" leaf
SAN=email:an@$domain issue names kedo P-256 "$E/CN=Ke Do" leaf
echo 7777 > inter.serial
SAN=email:an@$domain issue inter twin P-256 "$E/CN=Sinh Doi" leaf
echo 7777 > inter.serial
sed -i '/\t7777\t/d' inter.index
SAN=email:an@$domain issue inter ed ed "$E/CN=Sinh Doi" leaf

CA=inter quiet openssl ca -config cnf -revoke revoked.pem
for ca in root inter names below foreign; do
	crl "$ca"
done
cat inter.pem names.pem below.pem > pool.pem
