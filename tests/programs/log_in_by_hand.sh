# A token by openssl and curl alone: the assertion of RFC 7523 made by hand, of header, claims and signature.
# Wants TOKEN_URL, CLIENT_ID, KID and ALG, and the private key in key.pem. Prints the tenant's answer.

base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

# openssl writes an elliptic signature's two numbers as DER; a JWS has them one behind the other, 48 bytes each (RFC 7518
# 3.4): their hexadecimal digits, filled up with zeros, as octal escapes, as bytes.
joined() {
    openssl asn1parse -inform DER | sed -n 's/.*INTEGER *://p' | awk '{
        digits = sprintf("%96s", $0)
        gsub(" ", "0", digits)
        for (i = 1; i < 96; i += 2) {
            high = index("0123456789ABCDEF", substr(digits, i, 1)) - 1
            low = index("0123456789ABCDEF", substr(digits, i + 1, 1)) - 1
            printf "\\0%03o", high * 16 + low
        }
        print ""
    }' | while read -r octal; do printf '%b' "$octal"; done
}

signature() {
    case $ALG in
        RS256) openssl dgst -sha256 -sign key.pem ;;
        RS512) openssl dgst -sha512 -sign key.pem ;;
        ES384) openssl dgst -sha384 -sign key.pem | joined ;;
    esac
}

now=$(date +%s)
header=$(printf '{"alg":"%s","kid":"%s","typ":"JWT"}' "$ALG" "$KID" | base64url)
claims=$(printf '{"iss":"%s","sub":"%s","aud":"%s","jti":"%s","iat":%s,"exp":%s}' \
    "$CLIENT_ID" "$CLIENT_ID" "$TOKEN_URL" "$(openssl rand -hex 16)" "$((now - 60))" "$((now + 120))" | base64url)
signed=$(printf '%s.%s' "$header" "$claims" | signature | base64url)

# By standard input: what stands in the arguments, every user of the machine can read.
printf '%s.%s.%s' "$header" "$claims" "$signed" | curl --silent --show-error \
    --data grant_type=client_credentials --data client_id="$CLIENT_ID" \
    --data client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer \
    --data-urlencode client_assertion@- "$TOKEN_URL"
